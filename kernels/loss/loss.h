// Losses. Every one takes a Reduction: the mean (default) or sum of all entries as a 0-dim tensor, or none. Sums are
// taken in f64, in an order that does not depend on the number of threads.
#pragma once

#include <farro/core/tensor/tensor.h>

namespace farro {

enum class Reduction : uint8_t { none, mean, sum };

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
Tensor cross_entropy(const Tensor& logits, const Tensor& target, const CrossEntropyOptions& options = {});

struct NllLossOptions {
  Reduction reduction = Reduction::mean;
  int64_t ignore_index = -100;
  Tensor weight = {};
};

// -weight[target] * log_probs[target], for log-probabilities as log_softmax gives them; shapes as in cross_entropy.
Tensor nll_loss(const Tensor& log_probs, const Tensor& target, const NllLossOptions& options = {});

// Elementwise losses; ShapeError unless both tensors have one shape (nothing broadcasts), DTypeError unless one
// floating dtype.
Tensor mse_loss(const Tensor& input, const Tensor& target, Reduction reduction = Reduction::mean);  // (a - b)^2
Tensor l1_loss(const Tensor& input, const Tensor& target, Reduction reduction = Reduction::mean);   // |a - b|
// max(x, 0) - x t + log(1 + exp(-|x|)): the cross entropy of sigmoid(logits) and target, safe for any logit.
Tensor binary_cross_entropy_with_logits(const Tensor& logits, const Tensor& target,
                                        Reduction reduction = Reduction::mean);

}  // namespace farro
