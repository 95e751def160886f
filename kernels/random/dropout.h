// SPDX-License-Identifier: Apache-2.0
// Dropout.
#pragma once

#include <farro/core/api.h>
#include <farro/core/random/generator.h>
#include <farro/core/tensor/tensor.h>

namespace farro {

// Each element is 0 with probability p, else x / (1 - p), so that the expectation stays (Srivastava et al., JMLR 2014).
// Without `training`, or for p = 0, x itself. x must be floating (DTypeError), p in [0, 1] (ValueError).
FARRO_API Tensor dropout(const Tensor& x, double p = 0.5, bool training = true, Generator* generator = nullptr);

}  // namespace farro
