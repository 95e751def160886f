// SPDX-License-Identifier: Apache-2.0
// The cross entropy of logits with class indices or class probabilities.
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>
#include <farro/kernels/loss/reduction.h>

namespace farro {

struct CrossEntropyOptions {
  Reduction reduction = Reduction::mean;
  int64_t ignore_index = -100;  // targets of this value count as absent
  double label_smoothing = 0;   // in [0, 1]: this much of the target is spread over all classes
  Tensor weight = {};           // [C], of the logits' dtype: a factor for each class; no gradient flows to it
};

// -sum_c t_c log_softmax(logits)_c for logits [N, C, d1, ...] (or [C]) and class indices target i64 [N, d1, ...], or
// class probabilities of the logits' shape and dtype. The mean divides by the weights of the targets that count (NaN if
// none does), that of probabilities by the number of distributions. Throws IndexError naming value and position where a
// target is no class.
FARRO_API Tensor cross_entropy(const Tensor& logits, const Tensor& target, const CrossEntropyOptions& options = {});

}  // namespace farro
