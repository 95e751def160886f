// SPDX-License-Identifier: Apache-2.0
// Powers, elementwise. Dtypes promote; integers stay integers and wrap around.
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>

namespace farro {

// ValueError for a negative integer power of integers. A gradient where exponent == 0 is 0.
FARRO_API Tensor pow(const Tensor& base, Scalar exponent);
// Integers to negative powers: 1/base rounded toward zero, and 0 for base 0. Gradients are those of PyTorch: that of
// base is 0 where exponent is 0, that of exponent is 0 where base is 0 and exponent is not negative.
FARRO_API Tensor pow(const Tensor& base, const Tensor& exponent);
FARRO_API Tensor pow(Scalar base, const Tensor& exponent);

}  // namespace farro
