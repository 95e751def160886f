// SPDX-License-Identifier: Apache-2.0
// What all elementwise ops share: shape and dtype of the result, and its cost.
#pragma once

#include <farro/core/api.h>
#include <farro/core/op/op.h>
#include <farro/core/op/promotion.h>
#include <farro/kernels/pointwise/host_driver.h>

namespace farro {

// How the dtype of the result follows from the inputs.
enum class PointwiseKind {
  arithmetic,  // promoted
  floating,    // promoted, integers become the default dtype
  comparison,  // computed in the promoted dtype, result bool
  logical,     // computed as bool, result bool
};

// The dtype the op computes in, before compute_type() widens it.
DType pointwise_dtype(PointwiseKind kind, TensorList inputs) noexcept;
// The type a kernel's function is given: f32, f64 or i64, by the promoted dtype. Also for logical ops, which test for
// zero: 0.5 is true.
FARRO_API DType pointwise_compute(PointwiseKind kind, std::span<const Tensor* const> inputs) noexcept;

// Broadcast shape, promoted dtype; keeps the layout of a dense input where all inputs with dimensions share it.
TensorSpec pointwise_spec(const char* op, PointwiseKind kind, TensorList inputs);
// The two-tensor form, without building a list: the path of a + b.
TensorSpec pointwise_spec(const char* op, PointwiseKind kind, const Tensor& a, const Tensor& b);
TensorSpec pointwise_spec(const char* op, PointwiseKind kind, const Tensor& a);

// `flops` per element; every input read, the result written.
Cost pointwise_cost(PointwiseKind kind, TensorList inputs, double flops);

}  // namespace farro
