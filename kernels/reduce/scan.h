// SPDX-License-Identifier: Apache-2.0
// Products, and sums that keep their intermediate results. Integers and bool give i64 and wrap around. All throw
// IndexError for a dimension out of range.
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>

namespace farro {

// Over several dimensions (empty: all); 1 of nothing. The gradient is right where factors are 0.
FARRO_API Tensor prod(const Tensor& input, const Dims& dims = {}, bool keepdim = false);

// out[i] = input[0] + ... + input[i] along `dim`.
FARRO_API Tensor cumsum(const Tensor& input, int64_t dim);

}  // namespace farro
