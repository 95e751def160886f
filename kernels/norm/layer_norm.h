// SPDX-License-Identifier: Apache-2.0
// Normalisation of each sample over its trailing dimensions (Ba et al. 2016; Zhang and Sennrich 2019).
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>

#include <optional>

namespace farro {

// (x - mean) / sqrt(var + eps) * weight + bias, with mean and (biased) variance over the trailing dimensions, whose
// sizes must be `normalized_shape`; weight and bias, where given, have that shape and x's dtype. Statistics are
// accumulated in f32 (f64 for f64) in two passes. ShapeError and DTypeError name the argument that does not fit;
// ValueError unless eps >= 0.
FARRO_API Tensor layer_norm(const Tensor& x, const Dims& normalized_shape, const Tensor& weight = {},
                            const Tensor& bias = {}, double eps = 1e-5);

// x / sqrt(mean(x^2) + eps) * weight over the same dimensions. Without eps it is the machine epsilon of the type that
// is computed in, as in PyTorch: 2^-23 for f32 and half types, 2^-52 for f64.
FARRO_API Tensor rms_norm(const Tensor& x, const Dims& normalized_shape, const Tensor& weight = {},
                          std::optional<double> eps = {});

}  // namespace farro
