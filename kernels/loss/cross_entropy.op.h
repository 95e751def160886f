// SPDX-License-Identifier: Apache-2.0
// The op structs behind cross_entropy, for its kernels. Logits are [N, C] here; the public function brings other ranks
// to that. With target distribution t_nc = w_y (1 - smoothing) [c = y_n] + smoothing / C w_c (0 for an ignored row):
//     loss_n = sum_c t_nc (lse_n - x_nc),  grad_nc = r_n (sum_c t_nc softmax(x)_nc - t_nc)
// where r is the gradient of the row's loss.
#pragma once

#include <farro/core/api.h>
#include <farro/core/op/op.h>
#include <farro/kernels/loss/reduction.h>

namespace farro {

// {loss, peak [N], log_sum [N], total}: a row's largest logit, log(sum(exp(row - peak))), and the sum of w_y over the
// rows that count; f32 (f64 for f64). lse = peak + log_sum is never formed: beside a large peak it would lose log_sum's
// digits.
struct FARRO_API CrossEntropy {
  static constexpr OpInfo info{.name = "cross_entropy", .autocast = Autocast::full};
  static constexpr int kOutputs = 4;
  struct Args {
    const Tensor& logits;
    const Tensor& target;
    const Tensor& weight;
    Reduction reduction;
    int64_t ignore_index;
    double label_smoothing;
    static constexpr std::array names{"logits", "target", "weight?", "reduction", "ignore_index", "label_smoothing"};
  };
  static constexpr Keep kKeep = Keep::inputs<Args>("logits", "target", "weight") | Keep::outputs(1, 2, 3);
  static std::array<TensorSpec, 4> infer(const Args& args);
  static Grads backward(const Back<CrossEntropy>& b);
  static Cost cost(const Args& args);
};

// The gradient of the logits; peak, log_sum and total are those of the forward pass and are not differentiated.
struct FARRO_API CrossEntropyBackward {
  static constexpr OpInfo info{.name = "cross_entropy_backward", .autocast = Autocast::full};
  struct Args {
    const Tensor& grad;
    const Tensor& logits;
    const Tensor& target;
    const Tensor& peak;
    const Tensor& log_sum;
    const Tensor& total;
    const Tensor& weight;
    Reduction reduction;
    int64_t ignore_index;
    double label_smoothing;
    static constexpr std::array names{"grad",  "logits",  "target",    "peak",         "log_sum",
                                      "total", "weight?", "reduction", "ignore_index", "label_smoothing"};
  };
  static constexpr Keep kKeep = Keep::inputs<Args>("grad", "logits", "target", "peak", "log_sum", "total", "weight");
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<CrossEntropyBackward>& b);
  static Cost cost(const Args& args);
};

}  // namespace farro
