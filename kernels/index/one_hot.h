// SPDX-License-Identifier: Apache-2.0
// One-hot encoding.
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>

namespace farro {

// i64 of shape [index sizes..., num_classes]: 1 where the last coordinate equals the index (i64 or i32), else 0.
// Without num_classes it is the greatest index + 1. IndexError for an index out of range.
FARRO_API Tensor one_hot(const Tensor& index, int64_t num_classes = -1);

}  // namespace farro
