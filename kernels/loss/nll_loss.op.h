// SPDX-License-Identifier: Apache-2.0
// The op structs behind nll_loss, for its kernels. Scores are [N, C] here. Both directions only pick single elements.
#pragma once

#include <farro/core/api.h>
#include <farro/core/op/op.h>
#include <farro/kernels/loss/reduction.h>

namespace farro {

// {loss, total}: total is the sum of weight[target] over the rows that count, f32 (f64 for f64).
struct FARRO_API NllLoss {
  static constexpr OpInfo info{.name = "nll_loss", .autocast = Autocast::full};
  static constexpr int kOutputs = 2;
  struct Args {
    const Tensor& log_probs;
    const Tensor& target;
    const Tensor& weight;
    Reduction reduction;
    int64_t ignore_index;
    static constexpr std::array names{"log_probs", "target", "weight?", "reduction", "ignore_index"};
  };
  static constexpr Keep kKeep =
      Keep::inputs<Args>("target", "weight") | Keep::sizes<Args>("log_probs") | Keep::outputs(1);
  static std::array<TensorSpec, 2> infer(const Args& args);
  static Grads backward(const Back<NllLoss>& b);
  static Cost cost(const Args& args);
};

// The gradient of log_probs, [N, classes].
struct FARRO_API NllLossBackward {
  static constexpr OpInfo info{.name = "nll_loss_backward", .autocast = Autocast::full};
  struct Args {
    const Tensor& grad;
    const Tensor& target;
    const Tensor& total;
    const Tensor& weight;
    int64_t classes;
    Reduction reduction;
    int64_t ignore_index;
    static constexpr std::array names{"grad", "target", "total", "weight?", "classes", "reduction", "ignore_index"};
  };
  static constexpr Keep kKeep = Keep::inputs<Args>("target", "weight");
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<NllLossBackward>& b);
  static Cost cost(const Args& args);
};

}  // namespace farro
