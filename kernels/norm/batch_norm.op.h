// The op structs of batch_norm.h, for their kernels. Statistics are [C] in f32 (f64 for f64).
#pragma once

#include <farro/autograd/node/saved_tensor.h>
#include <farro/core/op/op.h>

namespace farro {

// With the statistics of x: {y, mean, biased variance}.
struct BatchNorm {
  static constexpr OpInfo info{.name = "batch_norm", .autocast = Autocast::full};
  static constexpr int kOutputs = 3;
  static constexpr uint64_t kOptional = 0b110;
  struct Args {
    const Tensor& x;
    const Tensor& weight;
    const Tensor& bias;
    double eps;
    static constexpr std::array names{"x", "weight", "bias", "eps"};
    auto fields() const { return std::tie(x, weight, bias, eps); }
  };
  struct Saved {
    SavedTensor x, weight, mean, var;
    double eps;
  };
  static std::array<TensorSpec, 3> infer(const Args& args);
  static Saved save(const Args& args, const Outputs<BatchNorm>& out, Need need);
  static Grads backward(const Saved& saved, const Grads& grads, Need need);
  static Cost cost(const Args& args);
};

// With given statistics, which are constants: they get no gradient.
struct BatchNormEval {
  static constexpr OpInfo info{.name = "batch_norm_eval", .autocast = Autocast::full};
  static constexpr uint64_t kOptional = 0b110;
  struct Args {
    const Tensor& x;
    const Tensor& weight;
    const Tensor& bias;
    const Tensor& mean;
    const Tensor& var;
    double eps;
    static constexpr std::array names{"x", "weight", "bias", "mean", "var", "eps"};
    auto fields() const { return std::tie(x, weight, bias, mean, var, eps); }
  };
  struct Saved {
    SavedTensor x, weight, mean, var;
    double eps;
  };
  static TensorSpec infer(const Args& args);
  static Saved save(const Args& args, const Outputs<BatchNormEval>& out, Need need);
  static Grads backward(const Saved& saved, const Grads& grads, Need need);
  static Cost cost(const Args& args);
};

// {grad_x, grad_weight, grad_bias}; grad_x is empty ([0]) unless need_x. `batch_statistics`: mean and var are those of
// x, so the gradient flows through them as well.
struct BatchNormBackward {
  static constexpr OpInfo info{.name = "batch_norm_backward", .autocast = Autocast::full};
  static constexpr int kOutputs = 3;
  static constexpr uint64_t kOptional = 0b100;
  struct Args {
    const Tensor& grad;
    const Tensor& x;
    const Tensor& weight;
    const Tensor& mean;
    const Tensor& var;
    double eps;
    bool batch_statistics, need_x;
    static constexpr std::array names{"grad", "x", "weight", "mean", "var", "eps", "batch_statistics", "need_x"};
    auto fields() const { return std::tie(grad, x, weight, mean, var, eps, batch_statistics, need_x); }
  };
  struct Saved {
    SavedTensor grad, x, weight, mean, var;
    double eps;
    bool batch_statistics, need_x;
  };
  static std::array<TensorSpec, 3> infer(const Args& args);
  static Saved save(const Args& args, const Outputs<BatchNormBackward>& out, Need need);
  static Grads backward(const Saved& saved, const Grads& grads, Need need);
  static Cost cost(const Args& args);
};

}  // namespace farro
