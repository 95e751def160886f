// SPDX-License-Identifier: Apache-2.0
// Putting tensors together along a dimension they have; kernels/index/stack.fn.h makes a new one.
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>

#include <vector>

namespace farro {

// Along an existing dimension: sizes must agree in all others (ShapeError). Dtypes promote. Tensors of shape [0] are
// passed over, as in PyTorch. ValueError for an empty list.
FARRO_API Tensor cat(TensorList tensors, int64_t dim = 0);
FARRO_API Tensor cat(const std::vector<Tensor>& tensors, int64_t dim = 0);

}  // namespace farro
