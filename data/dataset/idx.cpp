// SPDX-License-Identifier: Apache-2.0
// The IDX format of the MNIST family of data sets: a magic number, sizes as big-endian 32-bit numbers, bytes.
#include <farro/data/dataset/idx.h>

#include <farro/core/io/detail/array_data.h>
#include <farro/core/io/file_error.h>
#include <farro/core/io/gzip.h>

#include <cstring>
#include <string_view>

namespace farro::data {

namespace {

using io::fail_read;
using io::FileFault;

uint32_t big_endian(std::string_view bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

std::string hex(uint32_t value) {
  std::string text = "0x";
  for (int shift = 28; shift >= 0; shift -= 4) text += "0123456789abcdef"[value >> shift & 15];
  return text;
}

}  // namespace

Tensor read_idx(const std::string& path, int dims, uint64_t max_bytes) {
  FARRO_CHECK(dims >= 1 && dims <= kMaxDims, ValueError, "read_idx: dims must be from 1 to ", kMaxDims, ", got ", dims);
  const std::string bytes = io::read_maybe_gzip(path, max_bytes);
  const size_t header = 4 + 4 * static_cast<size_t>(dims);
  if (bytes.size() < 4)
    fail_read(FileFault::truncated, path, "an IDX file must have at least ", header, " bytes, got ", bytes.size());
  // Two zero bytes, the element type (8: unsigned byte), the number of dimensions.
  const uint32_t magic = 0x00000800u | static_cast<uint32_t>(dims);
  if (big_endian(bytes, 0) != magic)
    fail_read(FileFault::bad_magic, path, "the magic number must be ", hex(magic), " (u8, ", dims,
              dims == 1 ? " dimension" : " dimensions", "), got ", hex(big_endian(bytes, 0)));
  if (bytes.size() < header)
    fail_read(FileFault::truncated, path, "an IDX file must have at least ", header, " bytes, got ", bytes.size());

  Shape shape;
  for (int i = 0; i < dims; ++i) shape.push_back(big_endian(bytes, 4 + 4 * static_cast<size_t>(i)));
  // The sizes in the header must agree with the file's length before memory is taken for them.
  const uint64_t expected = io::array_bytes(path, DType::u8, shape);
  io::check_data_bytes(path, str("sizes ", shape), expected, bytes.size() - header);

  Tensor tensor = empty(shape, {.dtype = DType::u8, .device = Device::cpu()});
  if (expected > 0) std::memcpy(tensor.raw_data(), bytes.data() + header, expected);
  return tensor;
}

}  // namespace farro::data
