// The op structs of arithmetic.h, for its kernels.
#pragma once

#include <farro/autograd/node/saved_tensor.h>
#include <farro/kernels/pointwise/pointwise_op.h>

namespace farro {

struct Add {
  static constexpr OpInfo info{.name = "add"};
  static constexpr bool kHostNumbers = true;
  static constexpr PointwiseKind kKind = PointwiseKind::arithmetic;
  struct Args {
    const Tensor& a;
    const Tensor& b;
    Scalar alpha;
    static constexpr std::array names{"a", "b", "alpha"};
    auto fields() const { return std::tie(a, b, alpha); }
  };
  struct Saved {
    Scalar alpha = 1;
  };
  static std::array<const Tensor*, 2> inputs(const Args& args) { return {&args.a, &args.b}; }
  static TensorSpec infer(const Args& args);
  static Saved save(const Args& args, const Outputs<Add>&, Need) { return {args.alpha}; }
  static Grads backward(const Saved& saved, const Grads& grads, Need need);
  static Cost cost(const Args& args);
};

struct Sub {
  static constexpr OpInfo info{.name = "sub"};
  static constexpr bool kHostNumbers = true;
  static constexpr PointwiseKind kKind = PointwiseKind::arithmetic;
  struct Args {
    const Tensor& a;
    const Tensor& b;
    static constexpr std::array names{"a", "b"};
    auto fields() const { return std::tie(a, b); }
  };
  struct Saved {};
  static std::array<const Tensor*, 2> inputs(const Args& args) { return {&args.a, &args.b}; }
  static TensorSpec infer(const Args& args);
  static Saved save(const Args&, const Outputs<Sub>&, Need) { return {}; }
  static Grads backward(const Saved&, const Grads& grads, Need need);
  static Cost cost(const Args& args);
};

struct Mul {
  static constexpr OpInfo info{.name = "mul"};
  static constexpr bool kHostNumbers = true;
  static constexpr PointwiseKind kKind = PointwiseKind::arithmetic;
  using Args = Sub::Args;
  struct Saved {
    SavedTensor a, b;
  };
  static std::array<const Tensor*, 2> inputs(const Args& args) { return {&args.a, &args.b}; }
  static TensorSpec infer(const Args& args);
  static Saved save(const Args& args, const Outputs<Mul>&, Need need);
  static Grads backward(const Saved& saved, const Grads& grads, Need need);
  static Cost cost(const Args& args);
};

struct Div {
  static constexpr OpInfo info{.name = "div"};
  static constexpr bool kHostNumbers = true;
  static constexpr PointwiseKind kKind = PointwiseKind::floating;
  using Args = Sub::Args;
  struct Saved {
    SavedTensor a, b;
  };
  static std::array<const Tensor*, 2> inputs(const Args& args) { return {&args.a, &args.b}; }
  static TensorSpec infer(const Args& args);
  static Saved save(const Args& args, const Outputs<Div>&, Need need);
  static Grads backward(const Saved& saved, const Grads& grads, Need need);
  static Cost cost(const Args& args);
};

struct Neg {
  static constexpr OpInfo info{.name = "neg"};
  static constexpr PointwiseKind kKind = PointwiseKind::arithmetic;
  struct Args {
    const Tensor& a;
    static constexpr std::array names{"a"};
    auto fields() const { return std::tie(a); }
  };
  struct Saved {};
  static std::array<const Tensor*, 1> inputs(const Args& args) { return {&args.a}; }
  static TensorSpec infer(const Args& args);
  static Saved save(const Args&, const Outputs<Neg>&, Need) { return {}; }
  static Grads backward(const Saved&, const Grads& grads, Need need);
  static Cost cost(const Args& args);
};

}  // namespace farro
