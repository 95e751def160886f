// SPDX-License-Identifier: Apache-2.0
// The negative log likelihood of class indices.
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>
#include <farro/kernels/loss/reduction.h>

namespace farro {

struct NllLossOptions {
  Reduction reduction = Reduction::mean;
  int64_t ignore_index = -100;
  Tensor weight = {};
};

// -weight[target] * log_probs[target], for log-probabilities as log_softmax gives them; shapes as in cross_entropy.
FARRO_API Tensor nll_loss(const Tensor& log_probs, const Tensor& target, const NllLossOptions& options = {});

}  // namespace farro
