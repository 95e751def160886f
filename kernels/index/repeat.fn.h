// SPDX-License-Identifier: Apache-2.0
// Repeating a tensor.
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>

namespace farro {

// `repeats[i]` copies along dimension i; may have more entries than the tensor has dimensions, never fewer
// (ShapeError).
FARRO_API Tensor repeat(const Tensor& input, const Dims& repeats);

}  // namespace farro
