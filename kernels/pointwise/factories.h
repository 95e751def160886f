// Tensors with given contents. dtype and device default to default_dtype() and default_device().
#pragma once

#include <farro/core/tensor/tensor.h>

#include <initializer_list>
#include <vector>

namespace farro {

Tensor zeros(const Shape& sizes, const TensorOptions& options = {});
Tensor ones(const Shape& sizes, const TensorOptions& options = {});
// Without options.dtype the value decides: floating gives the default dtype, an integer i64, a bool bool.
Tensor full(const Shape& sizes, Scalar value, TensorOptions options = {});
Tensor zeros_like(const Tensor& like);
Tensor ones_like(const Tensor& like);
Tensor full_like(const Tensor& like, Scalar value);

// [start, end) in steps; i64 where all three are integers. ValueError unless step leads from start towards end.
Tensor arange(Scalar start, Scalar end, Scalar step = 1, TensorOptions options = {});
Tensor arange(Scalar end, TensorOptions options = {});
// `count` evenly spaced values from start to end, both included.
Tensor linspace(double start, double end, int64_t count, const TensorOptions& options = {});
// n x m with ones on the diagonal; m < 0 means n.
Tensor eye(int64_t n, int64_t m = -1, const TensorOptions& options = {});

// Copies of host values: tensor({1.f, 2.f}), tensor(values, {2, 3}). The dtype is that of T.
template <class T>
Tensor tensor(const std::vector<T>& values, TensorOptions options = {});
template <class T>
Tensor tensor(const std::vector<T>& values, const Shape& sizes, TensorOptions options = {});
Tensor tensor(std::initializer_list<double> values, TensorOptions options = {});
Tensor scalar_tensor(Scalar value, TensorOptions options = {});

}  // namespace farro
