// SPDX-License-Identifier: Apache-2.0
// Losses of two tensors of one shape, element by element: squared and absolute difference, logistic loss.
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>
#include <farro/kernels/loss/reduction.h>

namespace farro {

// Elementwise losses; ShapeError unless both tensors have one shape (nothing broadcasts), DTypeError unless one
// floating dtype.
FARRO_API Tensor mse_loss(const Tensor& input, const Tensor& target,
                          Reduction reduction = Reduction::mean);  // (a - b)^2
FARRO_API Tensor l1_loss(const Tensor& input, const Tensor& target, Reduction reduction = Reduction::mean);  // |a - b|
// max(x, 0) - x t + log(1 + exp(-|x|)): the cross entropy of sigmoid(logits) and target, safe for any logit.
FARRO_API Tensor binary_cross_entropy_with_logits(const Tensor& logits, const Tensor& target,
                                                  Reduction reduction = Reduction::mean);

}  // namespace farro
