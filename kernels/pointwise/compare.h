// SPDX-License-Identifier: Apache-2.0
// Elementwise comparisons and logic. The result is bool; shapes broadcast (ShapeError), dtypes promote, NaN compares as
// in IEEE 754. Tensor's operators == != < <= > >= are these. None has a gradient.
// A C++ number need not be a value of the tensor's dtype: beside integers its exact value counts (no u8 equals 300
// or 2.5, all are below both 300 and infinity), beside floating tensors it is rounded to their compute type, but never
// to infinity.
#pragma once

#include <farro/core/tensor/tensor.h>

namespace farro {

Tensor eq(const Tensor& a, const Tensor& b);
Tensor ne(const Tensor& a, const Tensor& b);
Tensor lt(const Tensor& a, const Tensor& b);
Tensor le(const Tensor& a, const Tensor& b);
Tensor gt(const Tensor& a, const Tensor& b);
Tensor ge(const Tensor& a, const Tensor& b);

// Non-zero counts as true, NaN too.
Tensor logical_and(const Tensor& a, const Tensor& b);
Tensor logical_or(const Tensor& a, const Tensor& b);
Tensor logical_xor(const Tensor& a, const Tensor& b);
Tensor logical_not(const Tensor& a);

// False everywhere, respectively true everywhere, for integers and bool.
Tensor isnan(const Tensor& a);
Tensor isfinite(const Tensor& a);

}  // namespace farro
