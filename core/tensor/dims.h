// SPDX-License-Identifier: Apache-2.0
// Sizes and strides: up to 8 numbers kept inside the object. Also the one place where sizes are multiplied with checks.
#pragma once

#include <farro/core/api.h>
#include <farro/core/error/error.h>

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

namespace farro {

inline constexpr int kMaxDims = 8;

class Dims {
 public:
  constexpr Dims() noexcept = default;
  constexpr Dims(std::initializer_list<int64_t> values) : Dims(std::span(values.begin(), values.size())) {}
  constexpr explicit Dims(std::span<const int64_t> values) {
    check_rank(static_cast<int64_t>(values.size()));
    for (int64_t value : values) values_[size_++] = value;
  }
  // `count` times `value`.
  static constexpr Dims filled(int count, int64_t value) {
    Dims dims;
    check_rank(count);
    for (int i = 0; i < count; ++i) dims.values_[i] = value;
    dims.size_ = count;
    return dims;
  }

  constexpr int size() const noexcept { return size_; }
  constexpr bool empty() const noexcept { return size_ == 0; }
  constexpr int64_t operator[](int i) const noexcept { return values_[i]; }
  constexpr int64_t& operator[](int i) noexcept { return values_[i]; }
  constexpr const int64_t* begin() const noexcept { return values_; }
  constexpr const int64_t* end() const noexcept { return values_ + size_; }
  constexpr int64_t* begin() noexcept { return values_; }
  constexpr int64_t* end() noexcept { return values_ + size_; }
  constexpr int64_t back() const noexcept { return values_[size_ - 1]; }
  constexpr operator std::span<const int64_t>() const noexcept { return {values_, size_t(size_)}; }

  constexpr void push_back(int64_t value) {
    check_rank(size_ + 1);
    values_[size_++] = value;
  }
  constexpr void insert(int at, int64_t value) {
    push_back(value);
    for (int i = size_ - 1; i > at; --i) values_[i] = values_[i - 1];
    values_[at] = value;
  }
  constexpr void erase(int at) noexcept {
    for (int i = at; i + 1 < size_; ++i) values_[i] = values_[i + 1];
    --size_;
  }

  friend constexpr bool operator==(const Dims& a, const Dims& b) noexcept {
    if (a.size_ != b.size_) return false;
    for (int i = 0; i < a.size_; ++i)
      if (a.values_[i] != b.values_[i]) return false;
    return true;
  }

 private:
  static constexpr void check_rank(int64_t rank) {
    FARRO_CHECK(rank <= kMaxDims, ShapeError, "shape: a tensor must have at most 8 dimensions, got ", rank);
  }

  int64_t values_[kMaxDims];  // only the first size_ are set: a Dims is copied on every op
  int32_t size_ = 0;
};

using Shape = Dims;
using Strides = Dims;

FARRO_API std::string to_string(const Dims& dims);  // "[2, 3]"

// Product of the sizes; throws ShapeError on a negative size or where the product leaves 63 bits. `op` names the
// caller.
FARRO_API int64_t checked_numel(const char* op, const Shape& sizes);
// numel * item bytes, checked likewise.
FARRO_API int64_t checked_bytes(const char* op, int64_t numel, size_t item_bytes);

FARRO_API Strides contiguous_strides(const Shape& sizes) noexcept;
// Strides with the channel dimension (dim 1) innermost: NHWC order for 4 dims, NDHWC for 5; contiguous for others.
FARRO_API Strides channels_last_strides(const Shape& sizes) noexcept;
FARRO_API bool is_contiguous(const Shape& sizes, const Strides& strides) noexcept;
FARRO_API bool is_channels_last(const Shape& sizes, const Strides& strides) noexcept;
// Whether the elements fill a stretch of memory without gaps, each one once, in some order of dimensions.
FARRO_API bool is_dense(const Shape& sizes, const Strides& strides) noexcept;
// A dimension whose steps may run into elements of the others, the shortest there is; -1 where no element can lie on
// another.
FARRO_API int overlapping_dim(const Shape& sizes, const Strides& strides) noexcept;

// Elements from the first to one past the last that strides reach; 0 for an empty tensor.
FARRO_API int64_t reach(const Shape& sizes, const Strides& strides) noexcept;
// The same for a geometry that a user gives; throws ShapeError and ValueError where it is none.
FARRO_API int64_t checked_reach(const char* op, const Shape& sizes, const Strides& strides);

// `dim` in [-rank, rank) as a non-negative index (rank 0 accepts -1 and 0); throws IndexError.
FARRO_API int normalize_dim(const char* op, int64_t dim, int rank);

// NumPy broadcasting of two shapes; throws ShapeError naming `op`.
FARRO_API Shape broadcast_shapes(const char* op, const Shape& a, const Shape& b);

}  // namespace farro
