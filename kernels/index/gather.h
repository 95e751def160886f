// SPDX-License-Identifier: Apache-2.0
// Reading and adding along one dimension by an index tensor (i64 or i32, else DTypeError). Indices count from 0; one
// out of range is an IndexError that names it, and nothing is written. Sums are in the order of the index, whatever the
// number of threads.
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>

namespace farro {

// out[i][j][k] = input[i][index[i][j][k]][k] for dim 1. `out` has the shape of `index`, which has as many dimensions as
// `input` and, except in `dim`, may not be bigger (ShapeError).
FARRO_API Tensor gather(const Tensor& input, int64_t dim, const Tensor& index);

// input with src added: out[i][index[i][j][k]][k] += src[i][j][k] for dim 1. `index` may be smaller than `src` in any
// dimension: the rest of src is not used. src must have input's dtype (DTypeError).
FARRO_API Tensor scatter_add(const Tensor& input, int64_t dim, const Tensor& index, const Tensor& src);

// The slices input[:, index[j], :] for every j; `index` has one dimension, or none, which counts as one of size 1.
FARRO_API Tensor index_select(const Tensor& input, int64_t dim, const Tensor& index);

// input with src[:, j, :] added to its slice index[j]; src must have input's dtype (DTypeError).
FARRO_API Tensor index_add(const Tensor& input, int64_t dim, const Tensor& index, const Tensor& src);

}  // namespace farro
