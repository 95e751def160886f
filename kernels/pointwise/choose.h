// SPDX-License-Identifier: Apache-2.0
// Choosing between values. Shapes broadcast (ShapeError), dtypes promote.
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>

#include <optional>

namespace farro {

// a where the bool tensor `condition` is true, b elsewhere. DTypeError for another condition, ValueError for a number
// that the result's dtype cannot hold.
FARRO_API Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);
FARRO_API Tensor where(const Tensor& condition, const Tensor& a, Scalar b);
FARRO_API Tensor where(const Tensor& condition, Scalar a, const Tensor& b);
FARRO_API Tensor where(const Tensor& condition, Scalar a, Scalar b);

// `value` where the bool tensor `mask` is true; ValueError where a's dtype cannot hold it.
FARRO_API Tensor masked_fill(const Tensor& a, const Tensor& mask, Scalar value);

// min(max(a, low), high); a missing bound does not bound. NaN stays NaN. An integer tensor with a floating bound
// becomes the default dtype; in place that is a DTypeError. ValueError without any bound, or where a bound would be a
// result that the dtype cannot hold (300 as `low` of u8; as `high` it bounds nothing). DTypeError for bool. The
// gradient passes where a lies within the bounds; of clamp_, in place, strictly within. NaN gets none.
FARRO_API Tensor clamp(const Tensor& a, std::optional<Scalar> low, std::optional<Scalar> high);

// NaN where either is; where both are equal each gets half of the gradient, where either is NaN all of it.
FARRO_API Tensor maximum(const Tensor& a, const Tensor& b);
FARRO_API Tensor minimum(const Tensor& a, const Tensor& b);

}  // namespace farro
