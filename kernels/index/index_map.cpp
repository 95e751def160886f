#include <farro/kernels/index/index_map.h>

namespace farro {

std::vector<int64_t> offsets_of(std::span<const int64_t> sizes, std::span<const int64_t> strides) {
  size_t count = 1;
  for (int64_t size : sizes) count *= static_cast<size_t>(size);
  std::vector<int64_t> offsets(count);
  if (count == 0) return offsets;
  // From the last dimension on, each repeats what is there so far, one stride further every time.
  size_t done = 1;
  for (size_t d = sizes.size(); d-- > 0;) {
    for (int64_t i = 1; i < sizes[d]; ++i)
      for (size_t k = 0; k < done; ++k) offsets[static_cast<size_t>(i) * done + k] = offsets[k] + i * strides[d];
    done *= static_cast<size_t>(sizes[d]);
  }
  return offsets;
}

Surroundings::Surroundings(std::span<const int64_t> sizes, std::span<const int64_t> strides, int first, int last)
    : outer(offsets_of(sizes.first(static_cast<size_t>(first)), strides.first(static_cast<size_t>(first)))),
      inner(offsets_of(sizes.subspan(static_cast<size_t>(last)), strides.subspan(static_cast<size_t>(last)))) {
  for (size_t i = 0; dense_inner && i < inner.size(); ++i) dense_inner = inner[i] == static_cast<int64_t>(i);
}

namespace {

[[noreturn]] void fail_at(const char* op, const Tensor& index, int64_t position, int64_t value, int64_t low,
                          int64_t high, int64_t dim) {
  Dims at = index.sizes();
  for (int d = at.size() - 1; d >= 0; --d) {
    at[d] = position % index.sizes()[d];
    position /= index.sizes()[d];
  }
  fail<IndexError>(op, ": index must be at least ", low, " and below ", high, " (the size of dimension ", dim,
                   "), got ", value, " at ", at, " (index: ", index, ")");
}

}  // namespace

Tensor checked_index(const char* op, const Tensor& index, int64_t low, int64_t high, int64_t dim) {
  const Tensor dense = index.detach().to(DType::i64).contiguous();
  const int64_t* values = dense.data<int64_t>();
  const int64_t numel = dense.numel();
  bool bad = false;
  for (int64_t i = 0; i < numel; ++i) bad |= values[i] < low || values[i] >= high;
  for (int64_t i = 0; bad; ++i)
    if (values[i] < low || values[i] >= high) fail_at(op, index, i, values[i], low, high, dim);
  return dense;
}

}  // namespace farro
