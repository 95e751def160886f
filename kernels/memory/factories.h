// SPDX-License-Identifier: Apache-2.0
// Tensors with given contents. dtype and device default to default_dtype() and default_device().
#pragma once

#include <farro/core/api.h>
#include <farro/core/dtype/half.h>
#include <farro/core/tensor/tensor.h>

#include <initializer_list>
#include <span>
#include <type_traits>
#include <vector>

namespace farro {

FARRO_API Tensor zeros(const Shape& sizes, const TensorOptions& options = {});
FARRO_API Tensor ones(const Shape& sizes, const TensorOptions& options = {});
// ValueError where the dtype cannot hold the value (core/tensor/number.h), as in all functions here.
// Without options.dtype the value decides: floating gives the default dtype, an integer i64, a bool bool.
FARRO_API Tensor full(const Shape& sizes, Scalar value, TensorOptions options = {});
FARRO_API Tensor zeros_like(const Tensor& like);
FARRO_API Tensor ones_like(const Tensor& like);
FARRO_API Tensor full_like(const Tensor& like, Scalar value);

// [start, end) in steps; i64 where all three are integers. ValueError unless step leads from start towards end.
FARRO_API Tensor arange(Scalar start, Scalar end, Scalar step = 1, TensorOptions options = {});
FARRO_API Tensor arange(Scalar end, TensorOptions options = {});
// `count` evenly spaced values from start to end, both included; exact where these and options.dtype are integers (then
// truncated toward start).
FARRO_API Tensor linspace(Scalar start, Scalar end, int64_t count, const TensorOptions& options = {});
// n x m with ones on the diagonal; m = -1 means n.
FARRO_API Tensor eye(int64_t n, int64_t m = -1, const TensorOptions& options = {});

namespace detail {
FARRO_API Tensor tensor_of_numbers(std::span<const Scalar> values, TensorOptions options);
}
// Copies of host values: tensor({1.f, 2.f}), tensor(values, {2, 3}). The dtype is that of T; of a list the default one.
// ValueError where options.dtype cannot hold a value.
template <ElementType T>
FARRO_API Tensor tensor(const std::vector<T>& values, TensorOptions options = {});
template <ElementType T>
FARRO_API Tensor tensor(const std::vector<T>& values, const Shape& sizes, TensorOptions options = {});
FARRO_API Tensor tensor(std::initializer_list<Scalar> values, TensorOptions options = {});
template <class T>
  requires std::is_arithmetic_v<T>
Tensor tensor(std::initializer_list<T> values, TensorOptions options = {}) {
  return detail::tensor_of_numbers(std::vector<Scalar>(values.begin(), values.end()), options);
}
FARRO_API Tensor scalar_tensor(Scalar value, TensorOptions options = {});

}  // namespace farro
