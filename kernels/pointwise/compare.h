// SPDX-License-Identifier: Apache-2.0
// Elementwise comparisons and logic. The result is bool; shapes broadcast (ShapeError), dtypes promote, NaN compares as
// in IEEE 754. Tensor's operators == != < <= > >= are these. None has a gradient.
// A C++ number need not be a value of the tensor's dtype: beside integers its exact value counts (no u8 equals 300
// or 2.5, all are below both 300 and infinity), beside floating tensors it is rounded to their compute type, but never
// to infinity.
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>

namespace farro {

FARRO_API Tensor eq(const Tensor& a, const Tensor& b);
FARRO_API Tensor ne(const Tensor& a, const Tensor& b);
FARRO_API Tensor lt(const Tensor& a, const Tensor& b);
FARRO_API Tensor le(const Tensor& a, const Tensor& b);
FARRO_API Tensor gt(const Tensor& a, const Tensor& b);
FARRO_API Tensor ge(const Tensor& a, const Tensor& b);

// Non-zero counts as true, NaN too.
FARRO_API Tensor logical_and(const Tensor& a, const Tensor& b);
FARRO_API Tensor logical_or(const Tensor& a, const Tensor& b);
FARRO_API Tensor logical_xor(const Tensor& a, const Tensor& b);
FARRO_API Tensor logical_not(const Tensor& a);

// False everywhere, respectively true everywhere, for integers and bool.
FARRO_API Tensor isnan(const Tensor& a);
FARRO_API Tensor isfinite(const Tensor& a);

}  // namespace farro
