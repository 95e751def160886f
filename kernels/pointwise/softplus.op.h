// SPDX-License-Identifier: Apache-2.0
// The op structs of softplus.h, for its kernels.
#pragma once

#include <farro/core/api.h>
#include <farro/kernels/pointwise/pointwise_op.h>

namespace farro {

struct FARRO_API Softplus {
  static constexpr OpInfo info{.name = "softplus", .autocast = Autocast::full};
  static constexpr PointwiseKind kKind = PointwiseKind::floating;
  struct Args {
    const Tensor& x;
    double beta;
    double threshold;
    static constexpr std::array names{"x", "beta", "threshold"};
  };
  static constexpr Keep kKeep = Keep::inputs<Args>("x");
  static std::array<const Tensor*, 1> inputs(const Args& args) { return {&args.x}; }
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<Softplus>& b);
  static Cost cost(const Args& args);
};

struct FARRO_API SoftplusBackward {
  static constexpr OpInfo info{.name = "softplus_backward", .autocast = Autocast::full};
  static constexpr PointwiseKind kKind = PointwiseKind::floating;
  struct Args {
    const Tensor& grad;
    const Tensor& x;
    double beta;
    double threshold;
    static constexpr std::array names{"grad", "x", "beta", "threshold"};
  };
  static constexpr Keep kKeep = Keep::inputs<Args>("grad", "x");
  static Keep keep(const Args&, Need need) {
    return Keep::inputs<Args>("x") | Keep::inputs<Args>("grad").when(need[1]);
  }
  static std::array<const Tensor*, 2> inputs(const Args& args) { return {&args.grad, &args.x}; }
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<SoftplusBackward>& b);
  static Cost cost(const Args& args);
};

// The gradient of x from the gradient of the result: grad where beta * x > threshold, elsewhere grad * sigmoid(beta *
// x).
FARRO_API Tensor softplus_backward(const Tensor& grad, const Tensor& x, double beta, double threshold);

}  // namespace farro
