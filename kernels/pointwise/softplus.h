// SPDX-License-Identifier: Apache-2.0
// Softplus, a smooth relu: log(1 + exp(beta * x)) / beta, and x itself where beta * x > threshold (PyTorch's
// definition).
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>

namespace farro {

// Any shape; integers and bool give the default dtype. A threshold that is large does not overflow. At the threshold
// the result jumps by log(1 + exp(-threshold)) / beta.
FARRO_API Tensor softplus(const Tensor& x, double beta = 1, double threshold = 20);

}  // namespace farro
