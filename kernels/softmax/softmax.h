// SPDX-License-Identifier: Apache-2.0
// Normalised exponentials. Computed from the difference to the maximum, so that no exponential overflows; a slice that
// holds NaN, +inf or only -inf gives NaN throughout, as in PyTorch.
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>

namespace farro {

// exp(x) / sum(exp(x)) over one dimension. DTypeError unless x is floating.
FARRO_API Tensor softmax(const Tensor& x, int64_t dim);
// log(softmax(x, dim)) without the loss of digits.
FARRO_API Tensor log_softmax(const Tensor& x, int64_t dim);

}  // namespace farro
