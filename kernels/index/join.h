// Putting tensors together, and repeating one.
#pragma once

#include <farro/core/tensor/tensor.h>

#include <vector>

namespace farro {

// Along an existing dimension: sizes must agree in all others (ShapeError). Dtypes promote. Tensors of shape [0] are
// passed over, as in PyTorch. ValueError for an empty list.
Tensor cat(TensorList tensors, int64_t dim = 0);
Tensor cat(const std::vector<Tensor>& tensors, int64_t dim = 0);

// Along a new dimension; all shapes must be equal (ShapeError).
Tensor stack(TensorList tensors, int64_t dim = 0);
Tensor stack(const std::vector<Tensor>& tensors, int64_t dim = 0);

// `repeats[i]` copies along dimension i; may have more entries than the tensor has dimensions, never fewer
// (ShapeError).
Tensor repeat(const Tensor& input, const Dims& repeats);

}  // namespace farro
