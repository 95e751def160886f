// SPDX-License-Identifier: Apache-2.0
// Arithmetic of shapes and strides: products that must not overflow, layouts, what strided tensors reach and whether
// they overlap, broadcasting.
#include <farro/core/tensor/dims.h>

#include <algorithm>

namespace farro {

std::string to_string(const Dims& dims) {
  std::string out = "[";
  for (int i = 0; i < dims.size(); ++i) {
    if (i) out += ", ";
    detail::append_signed(out, dims[i]);
  }
  return out += "]";
}

int64_t checked_numel(const char* op, const Shape& sizes) {
  int64_t product = 1;
  bool overflow = false;
  for (int64_t size : sizes) {
    FARRO_CHECK(size >= 0, ShapeError, op, ": sizes must not be negative, got ", sizes);
    // A zero counts as one here: strides are products of the other sizes, and must not overflow either.
    overflow |= __builtin_mul_overflow(product, std::max<int64_t>(size, 1), &product);
  }
  FARRO_CHECK(!overflow, ShapeError, op, ": number of elements must be below 2^63, got sizes ", sizes);
  for (int64_t size : sizes)
    if (size == 0) return 0;
  return product;
}

int64_t checked_bytes(const char* op, int64_t numel, size_t item_bytes) {
  int64_t bytes = 0;
  FARRO_CHECK(!__builtin_mul_overflow(numel, static_cast<int64_t>(item_bytes), &bytes), ShapeError, op,
              ": size in bytes must be below 2^63, got ", numel, " elements of ", item_bytes, " bytes");
  return bytes;
}

Strides contiguous_strides(const Shape& sizes) noexcept {
  Strides strides = sizes;
  int64_t step = 1;
  for (int i = sizes.size() - 1; i >= 0; --i) {
    strides[i] = step;
    step *= std::max<int64_t>(sizes[i], 1);
  }
  return strides;
}

Strides channels_last_strides(const Shape& sizes) noexcept {
  const int rank = sizes.size();
  // [N, C, H, W] and [N, C, D, H, W] only, as in PyTorch.
  if (rank != 4 && rank != 5) return contiguous_strides(sizes);
  Strides strides = sizes;
  strides[1] = 1;
  int64_t step = std::max<int64_t>(sizes[1], 1);
  for (int i = rank - 1; i >= 2; --i) {
    strides[i] = step;
    step *= std::max<int64_t>(sizes[i], 1);
  }
  strides[0] = step;
  return strides;
}

namespace {
// Strides of dimensions of size 1 do not matter, and an empty tensor has any layout.
bool same_layout(const Shape& sizes, const Strides& strides, const Strides& expected) noexcept {
  for (int i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == 0) return true;
  }
  for (int i = 0; i < sizes.size(); ++i)
    if (sizes[i] != 1 && strides[i] != expected[i]) return false;
  return true;
}
}  // namespace

// As same_layout() with contiguous_strides(), without making them: this runs on every op.
bool is_contiguous(const Shape& sizes, const Strides& strides) noexcept {
  int64_t step = 1;
  bool dense = true;
  for (int i = sizes.size() - 1; i >= 0; --i) {
    if (sizes[i] == 0) return true;
    dense = dense && (sizes[i] == 1 || strides[i] == step);
    step *= sizes[i];
  }
  return dense;
}

bool is_channels_last(const Shape& sizes, const Strides& strides) noexcept {
  return (sizes.size() == 4 || sizes.size() == 5) && same_layout(sizes, strides, channels_last_strides(sizes));
}

namespace {
// The dimensions of more than one element, those with smaller strides first; empty where the tensor is.
struct ByStride {
  int dims[kMaxDims];
  int count = 0;

  ByStride(const Shape& sizes, const Strides& strides) noexcept {
    for (int64_t size : sizes)
      if (size == 0) return;
    for (int i = 0; i < sizes.size(); ++i)
      if (sizes[i] != 1) dims[count++] = i;
    std::stable_sort(dims, dims + count, [&](int a, int b) { return strides[a] < strides[b]; });
  }
};
}  // namespace

bool is_dense(const Shape& sizes, const Strides& strides) noexcept {
  const ByStride order(sizes, strides);
  int64_t step = 1;
  for (int k = 0; k < order.count; ++k) {
    if (strides[order.dims[k]] != step) return false;
    step *= sizes[order.dims[k]];
  }
  return true;
}

int overlapping_dim(const Shape& sizes, const Strides& strides) noexcept {
  const ByStride order(sizes, strides);
  int64_t last = 0;  // element that the dimensions seen reach
  int shortest = -1;
  for (int k = 0; k < order.count; ++k) {
    const int dim = order.dims[k];
    if (shortest < 0 || sizes[dim] < sizes[shortest]) shortest = dim;
    // Sorted by stride, each dimension must step over everything that the smaller ones reach; else two index tuples may
    // name one element. Sufficient, not necessary: some interleaved strides are refused though no element is shared.
    if (strides[dim] <= last) return shortest;
    last += (sizes[dim] - 1) * strides[dim];
  }
  return -1;
}

int64_t reach(const Shape& sizes, const Strides& strides) noexcept {
  for (int64_t size : sizes)
    if (size == 0) return 0;
  int64_t end = 1;
  for (int i = 0; i < sizes.size(); ++i) end += (sizes[i] - 1) * strides[i];
  return end;
}

int64_t checked_reach(const char* op, const Shape& sizes, const Strides& strides) {
  FARRO_CHECK(sizes.size() == strides.size(), ShapeError, op, ": strides must have as many entries as sizes, got ",
              strides, " for sizes ", sizes);
  for (int64_t stride : strides)
    FARRO_CHECK(stride >= 0, ValueError, op, ": strides must not be negative, got ", strides);
  const bool none = checked_numel(op, sizes) == 0;  // its strides are still multiplied with, by views of it
  int64_t end = 1;
  for (int i = 0; i < sizes.size(); ++i) {
    int64_t span = 0;
    FARRO_CHECK(!__builtin_mul_overflow(std::max<int64_t>(sizes[i] - 1, 0), strides[i], &span) &&
                    !__builtin_add_overflow(end, span, &end),
                ShapeError, op, ": sizes and strides must stay below 2^63 elements, got ", sizes, " and ", strides);
  }
  return none ? 0 : end;
}

int normalize_dim(const char* op, int64_t dim, int rank) {
  // A tensor without dimensions is addressed as if it had one.
  const int64_t bound = std::max(rank, 1);
  FARRO_CHECK(dim >= -bound && dim < bound, IndexError, op, ": dim must be in [", -bound, ", ", bound - 1, "], got ",
              dim);
  return static_cast<int>(dim < 0 ? dim + bound : dim);
}

Shape broadcast_shapes(const char* op, const Shape& a, const Shape& b) {
  if (a == b) return a;
  const Shape& longer = a.size() >= b.size() ? a : b;
  const Shape& shorter = a.size() >= b.size() ? b : a;
  // Aligned at the last dimension, as in NumPy.
  Shape out = longer;
  const int lead = longer.size() - shorter.size();
  for (int i = 0; i < shorter.size(); ++i) {
    const int64_t x = longer[lead + i], y = shorter[i];
    FARRO_CHECK(x == y || x == 1 || y == 1, ShapeError, op,
                ": shapes must be equal or broadcast (sizes equal or 1), got ", a, " and ", b, " (dimension ", lead + i,
                ": ", x, " and ", y, ")");
    out[lead + i] = x == 1 ? y : x;
  }
  return out;
}

}  // namespace farro
