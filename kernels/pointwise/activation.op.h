// SPDX-License-Identifier: Apache-2.0
// The op structs of activation.h, for its kernels.
#pragma once

#include <farro/core/api.h>
#include <farro/kernels/pointwise/activation.h>
#include <farro/kernels/pointwise/op_shapes.h>

namespace farro {

// y > 0 exactly where x > 0: the result tells what the gradient needs.
struct FARRO_API Relu : UnaryFromOutput<Relu> {
  static constexpr OpInfo info{.name = "relu"};
  static constexpr PointwiseKind kKind = PointwiseKind::arithmetic;
  static Grads backward(const Back<Relu>& b);
};
struct FARRO_API Tanh : UnaryFromOutput<Tanh> {
  static constexpr OpInfo info{.name = "tanh"};
  static constexpr PointwiseKind kKind = PointwiseKind::floating;
  static Grads backward(const Back<Tanh>& b);
};
struct FARRO_API Sigmoid : UnaryFromOutput<Sigmoid> {
  static constexpr OpInfo info{.name = "sigmoid"};
  static constexpr PointwiseKind kKind = PointwiseKind::floating;
  static Grads backward(const Back<Sigmoid>& b);
};
// x sigmoid(x) is not monotonic: its input cannot be told from the result.
struct FARRO_API Silu : UnaryFromInput<Silu> {
  static constexpr OpInfo info{.name = "silu"};
  static constexpr PointwiseKind kKind = PointwiseKind::floating;
  static constexpr double kFlops = 2;
  static Grads backward(const Back<Silu>& b);
};

// The gradient depends on the input's sign alone; the result could serve as well only for positive slopes.
struct FARRO_API LeakyRelu {
  static constexpr OpInfo info{.name = "leaky_relu"};
  static constexpr PointwiseKind kKind = PointwiseKind::floating;
  struct Args {
    const Tensor& a;
    double slope;
    static constexpr std::array names{"a", "slope"};
  };
  static constexpr Keep kKeep = Keep::inputs<Args>("a");
  static std::array<const Tensor*, 1> inputs(const Args& args) { return {&args.a}; }
  static TensorSpec infer(const Args& args) { return pointwise_spec(info.name, kKind, args.a); }
  static Grads backward(const Back<LeakyRelu>& b);
  static Cost cost(const Args& args) { return pointwise_cost(kKind, {&args.a, 1}, 1); }
};

struct FARRO_API Gelu {
  static constexpr OpInfo info{.name = "gelu"};
  static constexpr PointwiseKind kKind = PointwiseKind::floating;
  struct Args {
    const Tensor& a;
    GeluApproximation approximation;
    static constexpr std::array names{"a", "approximation"};
  };
  static constexpr Keep kKeep = Keep::inputs<Args>("a");
  static std::array<const Tensor*, 1> inputs(const Args& args) { return {&args.a}; }
  static TensorSpec infer(const Args& args) { return pointwise_spec(info.name, kKind, args.a); }
  static Grads backward(const Back<Gelu>& b);
  static Cost cost(const Args& args);
};

// What the backward ops share: the gradient and one tensor of the forward.
template <class Op>
struct ActivationBackward {
  static constexpr PointwiseKind kKind = PointwiseKind::floating;
  struct Args {
    const Tensor& grad;
    const Tensor& from;  // the forward's result or input
    static constexpr std::array names{"grad", "from"};
  };
  static constexpr Keep kKeep = Keep::inputs<Args>("grad", "from");
  // The gradient itself is needed only for a derivative with respect to `from`.
  static Keep keep(const Args&, Need need) {
    return Keep::inputs<Args>("from") | Keep::inputs<Args>("grad").when(need[1]);
  }
  static std::array<const Tensor*, 2> inputs(const Args& args) { return {&args.grad, &args.from}; }
  static TensorSpec infer(const Args& args) { return pointwise_spec(Op::info.name, kKind, args.grad, args.from); }
  static Cost cost(const Args& args) {
    const Tensor inputs[] = {args.grad, args.from};
    return pointwise_cost(kKind, inputs, Op::kFlops);
  }
};

struct FARRO_API ReluBackward : ActivationBackward<ReluBackward> {
  static constexpr OpInfo info{.name = "relu_backward"};
  static constexpr double kFlops = 1;
  static Grads backward(const Back<ReluBackward>& b);
};
struct FARRO_API TanhBackward : ActivationBackward<TanhBackward> {
  static constexpr OpInfo info{.name = "tanh_backward"};
  static constexpr double kFlops = 3;
  static Grads backward(const Back<TanhBackward>& b);
};
struct FARRO_API SigmoidBackward : ActivationBackward<SigmoidBackward> {
  static constexpr OpInfo info{.name = "sigmoid_backward"};
  static constexpr double kFlops = 3;
  static Grads backward(const Back<SigmoidBackward>& b);
};
struct FARRO_API SiluBackward : ActivationBackward<SiluBackward> {
  static constexpr OpInfo info{.name = "silu_backward"};
  static constexpr double kFlops = 6;
  static Grads backward(const Back<SiluBackward>& b);
};

struct FARRO_API LeakyReluBackward {
  static constexpr OpInfo info{.name = "leaky_relu_backward"};
  static constexpr PointwiseKind kKind = PointwiseKind::floating;
  struct Args {
    const Tensor& grad;
    const Tensor& a;
    double slope;
    static constexpr std::array names{"grad", "a", "slope"};
  };
  static constexpr Keep kKeep = Keep::inputs<Args>("a");
  static std::array<const Tensor*, 2> inputs(const Args& args) { return {&args.grad, &args.a}; }
  static TensorSpec infer(const Args& args) { return pointwise_spec(info.name, kKind, args.grad, args.a); }
  static Grads backward(const Back<LeakyReluBackward>& b);
  static Cost cost(const Args& args);
};

struct FARRO_API GeluBackward {
  static constexpr OpInfo info{.name = "gelu_backward"};
  static constexpr PointwiseKind kKind = PointwiseKind::floating;
  struct Args {
    const Tensor& grad;
    const Tensor& a;
    GeluApproximation approximation;
    static constexpr std::array names{"grad", "a", "approximation"};
  };
  static constexpr Keep kKeep = Keep::inputs<Args>("grad", "a");
  static Keep keep(const Args&, Need need) {
    return Keep::inputs<Args>("a") | Keep::inputs<Args>("grad").when(need[1]);
  }
  static std::array<const Tensor*, 2> inputs(const Args& args) { return {&args.grad, &args.a}; }
  static TensorSpec infer(const Args& args) { return pointwise_spec(info.name, kKind, args.grad, args.a); }
  static Grads backward(const Back<GeluBackward>& b);
  static Cost cost(const Args& args);
};

// The gradient of a from the gradient of the result and what the name says: the result (out) or the input (a).
FARRO_API Tensor relu_backward(const Tensor& grad, const Tensor& out);
FARRO_API Tensor leaky_relu_backward(const Tensor& grad, const Tensor& a, double slope);
FARRO_API Tensor tanh_backward(const Tensor& grad, const Tensor& out);
FARRO_API Tensor sigmoid_backward(const Tensor& grad, const Tensor& out);
FARRO_API Tensor silu_backward(const Tensor& grad, const Tensor& a);
FARRO_API Tensor gelu_backward(const Tensor& grad, const Tensor& a, GeluApproximation approximation);

}  // namespace farro
