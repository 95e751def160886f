// SPDX-License-Identifier: Apache-2.0
// Putting tensors together along a new dimension.
#pragma once

#include <farro/core/tensor/tensor.h>

#include <vector>

namespace farro {

// Along a new dimension; all shapes must be equal (ShapeError).
Tensor stack(TensorList tensors, int64_t dim = 0);
Tensor stack(const std::vector<Tensor>& tensors, int64_t dim = 0);

}  // namespace farro
