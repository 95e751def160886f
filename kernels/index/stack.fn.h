// SPDX-License-Identifier: Apache-2.0
// Putting tensors together along a new dimension.
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>

#include <vector>

namespace farro {

// Along a new dimension; all shapes must be equal (ShapeError).
FARRO_API Tensor stack(TensorList tensors, int64_t dim = 0);
FARRO_API Tensor stack(const std::vector<Tensor>& tensors, int64_t dim = 0);

}  // namespace farro
