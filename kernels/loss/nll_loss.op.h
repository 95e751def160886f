// The op structs behind nll_loss, for its kernels. Scores are [N, C] here. Both directions only pick single elements.
#pragma once

#include <farro/autograd/node/saved_tensor.h>
#include <farro/core/op/op.h>
#include <farro/kernels/loss/loss.h>

namespace farro {

// {loss, total}: total is the sum of weight[target] over the rows that count, f32 (f64 for f64).
struct NllLoss {
  static constexpr OpInfo info{.name = "nll_loss", .autocast = Autocast::full};
  static constexpr int kOutputs = 2;
  static constexpr uint64_t kOptional = 0b100;
  struct Args {
    const Tensor& log_probs;
    const Tensor& target;
    const Tensor& weight;
    Reduction reduction;
    int64_t ignore_index;
    static constexpr std::array names{"log_probs", "target", "weight", "reduction", "ignore_index"};
    auto fields() const { return std::tie(log_probs, target, weight, reduction, ignore_index); }
  };
  struct Saved {
    SavedTensor target, weight, total;
    int64_t classes;
    Reduction reduction;
    int64_t ignore_index;
  };
  static std::array<TensorSpec, 2> infer(const Args& args);
  static Saved save(const Args& args, const Outputs<NllLoss>& out, Need need);
  static Grads backward(const Saved& saved, const Grads& grads, Need need);
  static Cost cost(const Args& args);
};

// The gradient of log_probs, [N, classes].
struct NllLossBackward {
  static constexpr OpInfo info{.name = "nll_loss_backward", .autocast = Autocast::full};
  static constexpr uint64_t kOptional = 0b1000;
  struct Args {
    const Tensor& grad;
    const Tensor& target;
    const Tensor& total;
    const Tensor& weight;
    int64_t classes;
    Reduction reduction;
    int64_t ignore_index;
    static constexpr std::array names{"grad", "target", "total", "weight", "classes", "reduction", "ignore_index"};
    auto fields() const { return std::tie(grad, target, total, weight, classes, reduction, ignore_index); }
  };
  struct Saved {
    SavedTensor target, weight;
    Reduction reduction;
    int64_t ignore_index;
  };
  static TensorSpec infer(const Args& args);
  static Saved save(const Args& args, const Outputs<NllLossBackward>&, Need need);
  static Grads backward(const Saved& saved, const Grads& grads, Need need);
  static Cost cost(const Args& args);
};

}  // namespace farro
