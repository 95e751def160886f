// SPDX-License-Identifier: Apache-2.0
// Largest and smallest values over dimensions, and where they stand. NaN counts as larger, respectively smaller, than
// any number; of equal values the first stands for all. Reducing nothing throws ShapeError; also IndexError for a
// dimension out of range and ValueError for one given twice.
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>

#include <utility>

namespace farro {

// Over several dimensions (empty: all). Equal values, or all that are NaN, share the gradient evenly.
FARRO_API Tensor amax(const Tensor& input, const Dims& dims = {}, bool keepdim = false);
FARRO_API Tensor amin(const Tensor& input, const Dims& dims = {}, bool keepdim = false);
FARRO_API Tensor max(const Tensor& input);
FARRO_API Tensor min(const Tensor& input);

// {values, indices (i64)} over one dimension. The gradient goes to the element at the index.
FARRO_API std::pair<Tensor, Tensor> max(const Tensor& input, int64_t dim, bool keepdim = false);
FARRO_API std::pair<Tensor, Tensor> min(const Tensor& input, int64_t dim, bool keepdim = false);

// The index alone; without a dimension that into the row-major elements.
FARRO_API Tensor argmax(const Tensor& input);
FARRO_API Tensor argmin(const Tensor& input);
FARRO_API Tensor argmax(const Tensor& input, int64_t dim, bool keepdim = false);
FARRO_API Tensor argmin(const Tensor& input, int64_t dim, bool keepdim = false);

}  // namespace farro
