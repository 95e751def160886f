// SPDX-License-Identifier: Apache-2.0
// The op structs of batch_norm.h, for their kernels. Statistics are [C] in f32 (f64 for f64).
#pragma once

#include <farro/core/api.h>
#include <farro/core/op/op.h>

namespace farro {

// With the statistics of x: {y, mean, biased variance}.
struct FARRO_API BatchNorm {
  static constexpr OpInfo info{.name = "batch_norm", .autocast = Autocast::full};
  static constexpr int kOutputs = 3;
  struct Args {
    const Tensor& x;
    const Tensor& weight;
    const Tensor& bias;
    double eps;
    static constexpr std::array names{"x", "weight?", "bias?", "eps"};
  };
  static constexpr Keep kKeep = Keep::inputs<Args>("x", "weight") | Keep::outputs(1, 2);
  static std::array<TensorSpec, 3> infer(const Args& args);
  static Grads backward(const Back<BatchNorm>& b);
  static Cost cost(const Args& args);
};

// With given statistics, which are constants: they get no gradient.
struct FARRO_API BatchNormEval {
  static constexpr OpInfo info{.name = "batch_norm_eval", .autocast = Autocast::full};
  struct Args {
    const Tensor& x;
    const Tensor& weight;
    const Tensor& bias;
    const Tensor& mean;
    const Tensor& var;
    double eps;
    static constexpr std::array names{"x", "weight?", "bias?", "mean", "var", "eps"};
  };
  static constexpr Keep kKeep = Keep::inputs<Args>("x", "weight", "mean", "var");
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<BatchNormEval>& b);
  static Cost cost(const Args& args);
};

// {grad_x, grad_weight, grad_bias}; grad_x is empty ([0]) unless need_x. `batch_statistics`: mean and var are those of
// x, so the gradient flows through them as well.
struct FARRO_API BatchNormBackward {
  static constexpr OpInfo info{.name = "batch_norm_backward", .autocast = Autocast::full};
  static constexpr int kOutputs = 3;
  struct Args {
    const Tensor& grad;
    const Tensor& x;
    const Tensor& weight;
    const Tensor& mean;
    const Tensor& var;
    double eps;
    bool batch_statistics, need_x;
    static constexpr std::array names{"grad", "x", "weight?", "mean", "var", "eps", "batch_statistics", "need_x"};
  };
  static constexpr Keep kKeep = Keep::inputs<Args>("grad", "x", "weight", "mean", "var");
  static std::array<TensorSpec, 3> infer(const Args& args);
  static Grads backward(const Back<BatchNormBackward>& b);
  static Cost cost(const Args& args);
};

}  // namespace farro
