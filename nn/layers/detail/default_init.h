// SPDX-License-Identifier: Apache-2.0
// PyTorch's initial values of linear and convolution layers.
#pragma once

#include <farro/nn/init/init.h>

#include <cmath>

namespace farro::nn {

// kaiming_uniform_ with slope sqrt(5), which is uniform in +-1 / sqrt(fan_in).
inline Tensor default_weight(const Shape& sizes) {
  return init::kaiming_uniform_(empty(sizes), {.slope = std::sqrt(5.0)});
}

// Uniform in the same range; undefined where there is no bias.
inline Tensor default_bias(bool wanted, const Tensor& weight, int64_t size) {
  if (!wanted) return {};
  const double bound = 1 / std::sqrt(static_cast<double>(init::fans(weight.sizes()).in));
  return init::uniform_(empty({size}), -bound, bound);
}

}  // namespace farro::nn
