// SPDX-License-Identifier: Apache-2.0
// Rows of a table by index.
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>

namespace farro {

struct EmbeddingOptions {
  int64_t padding_idx = -1;  // this row gets no gradient; negative: every row does
};

// weight [V, D], indices i64 [...]: [..., D]. Throws IndexError naming value and position where an index is not in
// [0, V). The gradient is dense and summed in the order of the indices.
FARRO_API Tensor embedding(const Tensor& weight, const Tensor& indices, const EmbeddingOptions& options = {});

}  // namespace farro
