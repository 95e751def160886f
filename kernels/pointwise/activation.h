// SPDX-License-Identifier: Apache-2.0
// Activation functions, elementwise. Integers and bool give the default dtype but for relu, which keeps the dtype.
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>

namespace farro {

FARRO_API Tensor relu(const Tensor& a);  // gradient 0 at 0
FARRO_API Tensor leaky_relu(const Tensor& a,
                            double slope = 0.01);  // a where a > 0, slope * a elsewhere; slope is finite
FARRO_API Tensor tanh(const Tensor& a);
FARRO_API Tensor sigmoid(const Tensor& a);
FARRO_API Tensor silu(const Tensor& a);  // a * sigmoid(a)

// a * Phi(a), Phi the normal distribution function; or Hendrycks and Gimpel's approximation of it,
// a/2 (1 + tanh(sqrt(2/pi) (a + 0.044715 a^3))) (arXiv:1606.08415).
enum class GeluApproximation : uint8_t { none, tanh };
FARRO_API Tensor gelu(const Tensor& a, GeluApproximation approximation = GeluApproximation::none);

}  // namespace farro
