// SPDX-License-Identifier: Apache-2.0
// Checks that npy and safetensors share: sizes in bytes without overflow, and values that a dtype may hold.
#include <farro/core/io/detail/array_data.h>

#include <farro/core/io/file_error.h>

#include <algorithm>

namespace farro::io {

namespace {
// A zero counts as one here: [2^62, 2^62, 0] has no elements, but its strides would overflow.
bool fits(DType dtype, const Shape& shape, int64_t& bytes) noexcept {
  bytes = static_cast<int64_t>(item_size(dtype));
  bool good = true;
  for (const int64_t size : shape)
    good = good && size >= 0 && !__builtin_mul_overflow(bytes, std::max<int64_t>(size, 1), &bytes);
  return good;
}
}  // namespace

uint64_t array_bytes(const std::string& path, DType dtype, const Shape& shape) {
  int64_t bytes = 0;
  if (!fits(dtype, shape, bytes))
    fail_read(FileFault::bad_shape, path, "the size in bytes must be below 2^63, got ", dtype, " ", shape);
  return std::find(shape.begin(), shape.end(), 0) != shape.end() ? 0 : static_cast<uint64_t>(bytes);
}

bool can_be_read(const Tensor& tensor) noexcept {
  int64_t bytes = 0;
  return fits(tensor.impl()->dtype, tensor.impl()->sizes, bytes);
}

void check_data_bytes(const std::string& path, const std::string& what, uint64_t expected, uint64_t found) {
  if (found != expected)
    fail_read(found < expected ? FileFault::truncated : FileFault::trailing_bytes, path, what, " must have ", expected,
              " bytes of data, got ", found);
}

void check_bools(const std::string& path, const Tensor& tensor) {
  if (tensor.dtype() != DType::boolean) return;
  const auto* bytes = static_cast<const unsigned char*>(tensor.raw_data());
  const auto bad = std::find_if(bytes, bytes + tensor.nbytes(), [](unsigned char byte) { return byte > 1; });
  if (bad != bytes + tensor.nbytes()) fail_read(FileFault::bad_value, path, "a bool must be 0 or 1, got ", *bad);
}

Tensor to_host(const Tensor& tensor) {
  const Tensor host = tensor.is_cpu() ? tensor : tensor.detach().to(Device::cpu());
  return host.is_contiguous() ? host : host.detach().contiguous();
}

}  // namespace farro::io
