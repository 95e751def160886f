// SPDX-License-Identifier: Apache-2.0
// PyTorch's indexing: what stands between the brackets of t[...], for Tensor::index and Tensor::index_put_.
//
//     t.index({Slice(0, 10, 2), 3, None, Ellipsis, Slice()})      // t[0:10:2, 3, None, ..., :], a view
//     t.index({rows, columns})                                    // t[rows, columns], a copy
//     t.index_put_({mask}, zeros)                                 // t[mask] = zeros
//
// An index tensor is i64 or i32 (negative values count from the end; an IndexError names one that is out of range) or a
// bool mask that covers as many dimensions as it has. Several index tensors broadcast against each other; their
// dimensions stand where the indexed ones stood if those are neighbours, else in front. An index tensor without
// dimensions is a number.
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>

#include <concepts>
#include <optional>
#include <variant>

namespace farro {

// A new dimension of size 1; as a bound of a Slice: no bound.
struct NoneType {
  constexpr operator std::optional<int64_t>() const noexcept { return std::nullopt; }
};
inline constexpr NoneType None{};

// As many whole dimensions as are not mentioned; at most once.
struct EllipsisType {};
inline constexpr EllipsisType Ellipsis{};

// start:stop:step; bounds clamp as in Python, step is positive.
struct Slice {
  constexpr explicit Slice(std::optional<int64_t> start_ = {}, std::optional<int64_t> stop_ = {},
                           std::optional<int64_t> step_ = {}) noexcept
      : start(start_), stop(stop_), step(step_) {}
  std::optional<int64_t> start, stop, step;
};

// One of them. Converts from each, so that a braced list can mix them.
struct TensorIndex {
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  TensorIndex(T index) noexcept : value(static_cast<int64_t>(index)) {}
  TensorIndex(Slice slice) noexcept : value(slice) {}
  TensorIndex(NoneType none) noexcept : value(none) {}
  TensorIndex(EllipsisType ellipsis) noexcept : value(ellipsis) {}
  TensorIndex(const Tensor& tensor) : value(tensor) {}
  TensorIndex(bool) = delete;  // neither a number nor a mask: use scalar_tensor(true)

  std::variant<int64_t, Slice, NoneType, EllipsisType, Tensor> value;
};

// The methods of Tensor for a list made at run time.
FARRO_API Tensor index(const Tensor& input, std::span<const TensorIndex> indices);
// `values` broadcasts to the shape of the indexed part and is converted to the tensor's dtype. Where a place is named
// twice the last value stays; with `accumulate` all are added to what is there, in order.
FARRO_API Tensor& index_put_(Tensor& target, std::span<const TensorIndex> indices, const Tensor& values,
                             bool accumulate = false);

// The elements where `mask` is true, in row-major order, as one dimension. Shapes broadcast.
FARRO_API Tensor masked_select(const Tensor& input, const Tensor& mask);

// Where the elements that are not zero lie: [count, dimensions] i64, in row-major order. NaN is not zero.
FARRO_API Tensor nonzero(const Tensor& input);

}  // namespace farro
