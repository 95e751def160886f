// SPDX-License-Identifier: Apache-2.0
// Normalisation of each channel over the batch and all positions (Ioffe and Szegedy 2015).
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>

namespace farro {

// (x - mean) / sqrt(var + eps) * weight + bias for x [N, C, ...]; weight, bias and the running statistics are [C] or
// undefined. In training (or without running statistics) mean and (biased) variance are those of x over everything but
// dimension 1, and the running ones are moved towards them in place, without history:
//     running = (1 - momentum) * running + momentum * statistic      (the variance unbiased)
// Otherwise the running statistics are used. The result has x's dtype and memory format; sums are accumulated in f64.
// Throws ShapeError where sizes do not fit or training has fewer than two values per channel, DTypeError for dtypes
// that are not floating or differ from x's, ValueError unless eps >= 0 and momentum in [0, 1].
FARRO_API Tensor batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& running_mean,
                            const Tensor& running_var, bool training, double momentum = 0.1, double eps = 1e-5);

}  // namespace farro
