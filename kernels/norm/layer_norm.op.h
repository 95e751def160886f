// SPDX-License-Identifier: Apache-2.0
// The op structs of layer_norm.h, for its kernels. The statistics are outputs, so that backward need not repeat them:
// one value per row, shaped like x with ones in the normalised dimensions, f32 (f64 for f64). A row is the `dims`
// trailing dimensions of x taken as one.
#pragma once

#include <farro/core/api.h>
#include <farro/core/op/op.h>

namespace farro {

// {y, mean, rstd}.
struct FARRO_API LayerNorm {
  static constexpr OpInfo info{.name = "layer_norm", .autocast = Autocast::full};
  static constexpr int kOutputs = 3;
  struct Args {
    const Tensor& x;
    const Tensor& weight;
    const Tensor& bias;
    int64_t dims;
    double eps;
    static constexpr std::array names{"x", "weight?", "bias?", "dims", "eps"};
  };
  static constexpr Keep kKeep = Keep::inputs<Args>("x", "weight") | Keep::outputs(1, 2);
  static std::array<TensorSpec, 3> infer(const Args& args);
  static Grads backward(const Back<LayerNorm>& b);
  static Cost cost(const Args& args);
};

// {grad_x, grad_weight, grad_bias}; an output that need_* does not ask for has no elements (sizes [0]) and is not
// written.
struct FARRO_API LayerNormBackward {
  static constexpr OpInfo info{.name = "layer_norm_backward", .autocast = Autocast::full};
  static constexpr int kOutputs = 3;
  struct Args {
    const Tensor& grad;
    const Tensor& x;
    const Tensor& mean;
    const Tensor& rstd;
    const Tensor& weight;
    int64_t dims;
    double eps;  // for the gradient of this op
    bool need_x, need_weight, need_bias;
    static constexpr std::array names{"grad", "x",   "mean",   "rstd",        "weight?",
                                      "dims", "eps", "need_x", "need_weight", "need_bias"};
  };
  static constexpr Keep kKeep = Keep::inputs<Args>("grad", "x", "weight");
  static std::array<TensorSpec, 3> infer(const Args& args);
  static Grads backward(const Back<LayerNormBackward>& b);
  static Cost cost(const Args& args);
};

// {y, rstd}.
struct FARRO_API RmsNorm {
  static constexpr OpInfo info{.name = "rms_norm", .autocast = Autocast::full};
  static constexpr int kOutputs = 2;
  struct Args {
    const Tensor& x;
    const Tensor& weight;
    int64_t dims;
    double eps;
    static constexpr std::array names{"x", "weight?", "dims", "eps"};
  };
  static constexpr Keep kKeep = Keep::inputs<Args>("x", "weight") | Keep::outputs(1);
  static std::array<TensorSpec, 2> infer(const Args& args);
  static Grads backward(const Back<RmsNorm>& b);
  static Cost cost(const Args& args);
};

// {grad_x, grad_weight}, as in LayerNormBackward.
struct FARRO_API RmsNormBackward {
  static constexpr OpInfo info{.name = "rms_norm_backward", .autocast = Autocast::full};
  static constexpr int kOutputs = 2;
  struct Args {
    const Tensor& grad;
    const Tensor& x;
    const Tensor& rstd;
    const Tensor& weight;
    int64_t dims;
    double eps;
    bool need_x, need_weight;
    static constexpr std::array names{"grad", "x", "rstd", "weight?", "dims", "eps", "need_x", "need_weight"};
  };
  static constexpr Keep kKeep = Keep::inputs<Args>("grad", "x", "weight");
  static std::array<TensorSpec, 2> infer(const Args& args);
  static Grads backward(const Back<RmsNormBackward>& b);
  static Cost cost(const Args& args);
};

}  // namespace farro
