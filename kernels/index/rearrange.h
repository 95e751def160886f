// SPDX-License-Identifier: Apache-2.0
// The same elements elsewhere: triangles of matrices, and dimensions walked backwards or from another start. All copy.
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>

namespace farro {

// The lower (upper) triangle of every matrix of the last two dimensions, 0 elsewhere: element (i, j) is kept where
// j - i <= diagonal (j - i >= diagonal). ShapeError below two dimensions.
FARRO_API Tensor tril(const Tensor& input, int64_t diagonal = 0);
FARRO_API Tensor triu(const Tensor& input, int64_t diagonal = 0);

// The order of the elements turned round along each of `dims`. ValueError for a dimension given twice.
FARRO_API Tensor flip(const Tensor& input, const Dims& dims);

// Element i of dimension dims[k] moves to i + shifts[k], round the end. Without dims, one shift moves the elements of
// the flattened tensor.
FARRO_API Tensor roll(const Tensor& input, const Dims& shifts, const Dims& dims = {});

}  // namespace farro
