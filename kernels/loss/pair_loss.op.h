// SPDX-License-Identifier: Apache-2.0
// The op structs of the elementwise losses in loss.h, for their kernels: one loop over both tensors that never stores
// the elementwise loss unless it is asked for.
#pragma once

#include <farro/core/op/op.h>
#include <farro/kernels/loss/reduction.h>

namespace farro {

enum class PairLossKind { squared, absolute, logistic };

template <PairLossKind kKind>
struct PairLoss {
  static constexpr OpInfo info{.name = kKind == PairLossKind::squared    ? "mse_loss"
                                       : kKind == PairLossKind::absolute ? "l1_loss"
                                                                         : "binary_cross_entropy_with_logits",
                               .autocast = Autocast::full};
  struct Args {
    const Tensor& input;
    const Tensor& target;
    Reduction reduction;
    static constexpr std::array names{"input", "target", "reduction"};
  };
  static constexpr Keep kKeep = Keep::inputs<Args>("input", "target");
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<PairLoss>& b);
  static Cost cost(const Args& args);
};

using MseLoss = PairLoss<PairLossKind::squared>;
using L1Loss = PairLoss<PairLossKind::absolute>;
using BceWithLogitsLoss = PairLoss<PairLossKind::logistic>;

}  // namespace farro
