// SPDX-License-Identifier: Apache-2.0
// Largest and smallest values over dimensions, and where they stand. NaN counts as larger, respectively smaller, than
// any number; of equal values the first stands for all. Reducing nothing throws ShapeError; also IndexError for a
// dimension out of range and ValueError for one given twice.
#pragma once

#include <farro/core/tensor/tensor.h>

#include <utility>

namespace farro {

// Over several dimensions (empty: all). Equal values, or all that are NaN, share the gradient evenly.
Tensor amax(const Tensor& input, const Dims& dims = {}, bool keepdim = false);
Tensor amin(const Tensor& input, const Dims& dims = {}, bool keepdim = false);
Tensor max(const Tensor& input);
Tensor min(const Tensor& input);

// {values, indices (i64)} over one dimension. The gradient goes to the element at the index.
std::pair<Tensor, Tensor> max(const Tensor& input, int64_t dim, bool keepdim = false);
std::pair<Tensor, Tensor> min(const Tensor& input, int64_t dim, bool keepdim = false);

// The index alone; without a dimension that into the row-major elements.
Tensor argmax(const Tensor& input);
Tensor argmin(const Tensor& input);
Tensor argmax(const Tensor& input, int64_t dim, bool keepdim = false);
Tensor argmin(const Tensor& input, int64_t dim, bool keepdim = false);

}  // namespace farro
