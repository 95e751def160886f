// SPDX-License-Identifier: Apache-2.0
// Sorting along a dimension, and the greatest or least few. NaN counts as greater than everything, -0 equals 0, and
// equal elements keep their order, so that the result is one and the same on every device. Indices are i64; the
// gradient of the values goes back to the elements they came from.
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>

#include <utility>

namespace farro {

// {values, indices}; values[j] = input[indices[j]].
FARRO_API std::pair<Tensor, Tensor> sort(const Tensor& input, int64_t dim = -1, bool descending = false);
FARRO_API Tensor argsort(const Tensor& input, int64_t dim = -1, bool descending = false);

// The first k of sort(input, dim, descending = largest), for less work. ValueError unless 0 <= k <= size of dim.
FARRO_API std::pair<Tensor, Tensor> topk(const Tensor& input, int64_t k, int64_t dim = -1, bool largest = true);

}  // namespace farro
