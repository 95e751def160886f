// SPDX-License-Identifier: Apache-2.0
// The op structs of optim.h, for its kernels.
#pragma once

#include <farro/core/api.h>
#include <farro/core/op/op.h>

namespace farro {

struct FARRO_API SgdStep {
  static constexpr OpInfo info{.name = "sgd_step", .autocast = Autocast::none};
  static constexpr int kOutputs = 0;
  static constexpr const char* no_backward = "an optimizer step changes leaves";
  struct Args {
    TensorList params;
    TensorList grads;
    TensorList momentum_buffers;  // may be empty
    double lr;
    double momentum;
    double dampening;
    double weight_decay;
    bool nesterov;
    bool maximize;
    const Tensor& lr_tensor;  // instead of lr
    static constexpr std::array names{"params",    "grads",        "momentum_buffers", "lr",       "momentum",
                                      "dampening", "weight_decay", "nesterov",         "maximize", "lr_tensor?"};
  };
  static void check(const Args& args);
  static std::array<TensorList, 2> changed(const Args& args) { return {args.params, args.momentum_buffers}; }
  static Cost cost(const Args& args);
};

struct FARRO_API AdamStep {
  static constexpr OpInfo info{.name = "adam_step", .autocast = Autocast::none};
  static constexpr int kOutputs = 0;
  static constexpr const char* no_backward = "an optimizer step changes leaves";
  struct Args {
    TensorList params;
    TensorList grads;
    TensorList exp_avgs;
    TensorList exp_avg_sqs;
    TensorList max_exp_avg_sqs;  // may be empty
    double lr;
    double beta1;
    double beta2;
    double eps;
    double weight_decay;
    bool decoupled;
    bool maximize;
    int64_t step;
    const Tensor& lr_tensor;    // instead of lr
    const Tensor& step_tensor;  // instead of step
    static constexpr std::array names{"params",    "grads",    "exp_avgs", "exp_avg_sqs", "max_exp_avg_sqs",
                                      "lr",        "beta1",    "beta2",    "eps",         "weight_decay",
                                      "decoupled", "maximize", "step",     "lr_tensor?",  "step_tensor?"};
  };
  static void check(const Args& args);
  static std::array<TensorList, 4> changed(const Args& args) {
    return {args.params, args.exp_avgs, args.exp_avg_sqs, args.max_exp_avg_sqs};
  }
  static Cost cost(const Args& args);
};

// What an Adam kernel of any device multiplies with, bias corrections included; in double, from the learning rate and
// the step wherever these came from.
struct FARRO_API AdamConstants {
  AdamConstants(const AdamStep::Args& args, double lr, int64_t step);
  double sign;           // of the gradient
  double coupled_decay;  // added to the gradient, times p
  double keep;           // p is multiplied by it first
  double beta1;
  double one_minus_beta1;
  double beta2;
  double one_minus_beta2;
  double step_size;        // lr / (1 - beta1^t)
  double inv_correction2;  // 1 / sqrt(1 - beta2^t)
  double eps;
};

struct FARRO_API MultiTensorNorm {
  static constexpr OpInfo info{.name = "multi_tensor_norm", .autocast = Autocast::none};
  static constexpr const char* no_backward = "it measures gradients; use norm() for a differentiable one";
  struct Args {
    TensorList tensors;
    double p;
    static constexpr std::array names{"tensors", "p"};
  };
  static TensorSpec infer(const Args& args);
  static Cost cost(const Args& args);
};

struct FARRO_API ClipByNorm {
  static constexpr OpInfo info{.name = "clip_by_norm", .autocast = Autocast::none};
  static constexpr int kOutputs = 0;
  static constexpr const char* no_backward = "it changes gradients in place";
  struct Args {
    TensorList tensors;
    const Tensor& norm;
    double max_norm;
    static constexpr std::array names{"tensors", "norm", "max_norm"};
  };
  static void check(const Args& args);
  static std::array<TensorList, 1> changed(const Args& args) { return {args.tensors}; }
  static Cost cost(const Args& args);
};

}  // namespace farro
