// The op structs of activation.h, for its kernels.
#pragma once

#include <farro/kernels/pointwise/activation.h>
#include <farro/kernels/pointwise/op_shapes.h>

namespace farro {

struct Relu : UnaryFromOutput<Relu> {
  static constexpr OpInfo info{.name = "relu"};
  static constexpr PointwiseKind kKind = PointwiseKind::arithmetic;
  static Grads backward(const Saved& saved, const Grads& grads, Need);
};
struct Tanh : UnaryFromOutput<Tanh> {
  static constexpr OpInfo info{.name = "tanh"};
  static constexpr PointwiseKind kKind = PointwiseKind::floating;
  static Grads backward(const Saved& saved, const Grads& grads, Need);
};
struct Sigmoid : UnaryFromOutput<Sigmoid> {
  static constexpr OpInfo info{.name = "sigmoid"};
  static constexpr PointwiseKind kKind = PointwiseKind::floating;
  static Grads backward(const Saved& saved, const Grads& grads, Need);
};
struct Silu : UnaryFromInput<Silu> {
  static constexpr OpInfo info{.name = "silu"};
  static constexpr PointwiseKind kKind = PointwiseKind::floating;
  static constexpr double kFlops = 2;
  static Grads backward(const Saved& saved, const Grads& grads, Need);
};

struct LeakyRelu {
  static constexpr OpInfo info{.name = "leaky_relu"};
  static constexpr PointwiseKind kKind = PointwiseKind::floating;
  struct Args {
    const Tensor& a;
    double slope;
    static constexpr std::array names{"a", "slope"};
    auto fields() const { return std::tie(a, slope); }
  };
  struct Saved {
    SavedTensor a;
    double slope = 0;
  };
  static std::array<const Tensor*, 1> inputs(const Args& args) { return {&args.a}; }
  static TensorSpec infer(const Args& args) { return pointwise_spec(info.name, kKind, args.a); }
  static Saved save(const Args& args, const Outputs<LeakyRelu>&, Need) { return {SavedTensor(args.a), args.slope}; }
  static Grads backward(const Saved& saved, const Grads& grads, Need);
  static Cost cost(const Args& args) { return pointwise_cost(kKind, {&args.a, 1}, 1); }
};

struct Gelu {
  static constexpr OpInfo info{.name = "gelu"};
  static constexpr PointwiseKind kKind = PointwiseKind::floating;
  struct Args {
    const Tensor& a;
    GeluApproximation approximation;
    static constexpr std::array names{"a", "approximation"};
    auto fields() const { return std::tie(a, approximation); }
  };
  struct Saved {
    SavedTensor a;
    GeluApproximation approximation = GeluApproximation::none;
  };
  static std::array<const Tensor*, 1> inputs(const Args& args) { return {&args.a}; }
  static TensorSpec infer(const Args& args) { return pointwise_spec(info.name, kKind, args.a); }
  static Saved save(const Args& args, const Outputs<Gelu>&, Need) { return {SavedTensor(args.a), args.approximation}; }
  static Grads backward(const Saved& saved, const Grads& grads, Need);
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
    auto fields() const { return std::tie(grad, from); }
  };
  struct Saved {
    SavedTensor grad, from;
  };
  static std::array<const Tensor*, 2> inputs(const Args& args) { return {&args.grad, &args.from}; }
  static TensorSpec infer(const Args& args) { return pointwise_spec(Op::info.name, kKind, args.grad, args.from); }
  static Saved save(const Args& args, const std::array<Tensor, 1>&, Need need) {
    return {need[1] ? SavedTensor(args.grad) : SavedTensor(), SavedTensor(args.from)};
  }
  static Cost cost(const Args& args) {
    const Tensor inputs[] = {args.grad, args.from};
    return pointwise_cost(kKind, inputs, Op::kFlops);
  }
};

struct ReluBackward : ActivationBackward<ReluBackward> {
  static constexpr OpInfo info{.name = "relu_backward"};
  static constexpr double kFlops = 1;
  static Grads backward(const Saved& saved, const Grads& grads, Need need);
};
struct TanhBackward : ActivationBackward<TanhBackward> {
  static constexpr OpInfo info{.name = "tanh_backward"};
  static constexpr double kFlops = 3;
  static Grads backward(const Saved& saved, const Grads& grads, Need need);
};
struct SigmoidBackward : ActivationBackward<SigmoidBackward> {
  static constexpr OpInfo info{.name = "sigmoid_backward"};
  static constexpr double kFlops = 3;
  static Grads backward(const Saved& saved, const Grads& grads, Need need);
};
struct SiluBackward : ActivationBackward<SiluBackward> {
  static constexpr OpInfo info{.name = "silu_backward"};
  static constexpr double kFlops = 6;
  static Grads backward(const Saved& saved, const Grads& grads, Need need);
};

struct LeakyReluBackward {
  static constexpr OpInfo info{.name = "leaky_relu_backward"};
  static constexpr PointwiseKind kKind = PointwiseKind::floating;
  struct Args {
    const Tensor& grad;
    const Tensor& a;
    double slope;
    static constexpr std::array names{"grad", "a", "slope"};
    auto fields() const { return std::tie(grad, a, slope); }
  };
  using Saved = LeakyRelu::Saved;
  static std::array<const Tensor*, 2> inputs(const Args& args) { return {&args.grad, &args.a}; }
  static TensorSpec infer(const Args& args) { return pointwise_spec(info.name, kKind, args.grad, args.a); }
  static Saved save(const Args& args, const Outputs<LeakyReluBackward>&, Need) {
    return {SavedTensor(args.a), args.slope};
  }
  static Grads backward(const Saved& saved, const Grads& grads, Need need);
  static Cost cost(const Args& args);
};

struct GeluBackward {
  static constexpr OpInfo info{.name = "gelu_backward"};
  static constexpr PointwiseKind kKind = PointwiseKind::floating;
  struct Args {
    const Tensor& grad;
    const Tensor& a;
    GeluApproximation approximation;
    static constexpr std::array names{"grad", "a", "approximation"};
    auto fields() const { return std::tie(grad, a, approximation); }
  };
  struct Saved {
    SavedTensor grad, a;
    GeluApproximation approximation = GeluApproximation::none;
  };
  static std::array<const Tensor*, 2> inputs(const Args& args) { return {&args.grad, &args.a}; }
  static TensorSpec infer(const Args& args) { return pointwise_spec(info.name, kKind, args.grad, args.a); }
  static Saved save(const Args& args, const Outputs<GeluBackward>&, Need need) {
    return {need[1] ? SavedTensor(args.grad) : SavedTensor(), SavedTensor(args.a), args.approximation};
  }
  static Grads backward(const Saved& saved, const Grads& grads, Need need);
  static Cost cost(const Args& args);
};

}  // namespace farro
