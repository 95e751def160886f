// The op structs of softplus.h, for its kernels.
#pragma once

#include <farro/autograd/node/saved_tensor.h>
#include <farro/kernels/pointwise/pointwise_op.h>

namespace farro {

struct Softplus {
  static constexpr OpInfo info{.name = "softplus", .autocast = Autocast::full};
  static constexpr PointwiseKind kKind = PointwiseKind::floating;
  struct Args {
    const Tensor& x;
    double beta;
    double threshold;
    static constexpr std::array names{"x", "beta", "threshold"};
    auto fields() const { return std::tie(x, beta, threshold); }
  };
  struct Saved {
    SavedTensor x;
    double beta;
    double threshold;
  };
  static std::array<const Tensor*, 1> inputs(const Args& args) { return {&args.x}; }
  static TensorSpec infer(const Args& args);
  static Saved save(const Args& args, const Outputs<Softplus>& out, Need need);
  static Grads backward(const Saved& saved, const Grads& grads, Need need);
  static Cost cost(const Args& args);
};

struct SoftplusBackward {
  static constexpr OpInfo info{.name = "softplus_backward", .autocast = Autocast::full};
  static constexpr PointwiseKind kKind = PointwiseKind::floating;
  struct Args {
    const Tensor& grad;
    const Tensor& x;
    double beta;
    double threshold;
    static constexpr std::array names{"grad", "x", "beta", "threshold"};
    auto fields() const { return std::tie(grad, x, beta, threshold); }
  };
  struct Saved {
    SavedTensor grad;  // for the gradient of x only
    SavedTensor x;
    double beta;
    double threshold;
  };
  static std::array<const Tensor*, 2> inputs(const Args& args) { return {&args.grad, &args.x}; }
  static TensorSpec infer(const Args& args);
  static Saved save(const Args& args, const Outputs<SoftplusBackward>& out, Need need);
  static Grads backward(const Saved& saved, const Grads& grads, Need need);
  static Cost cost(const Args& args);
};

}  // namespace farro
