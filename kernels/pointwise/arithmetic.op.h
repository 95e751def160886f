// SPDX-License-Identifier: Apache-2.0
// The op structs of arithmetic.h, for its kernels.
#pragma once

#include <farro/core/api.h>
#include <farro/kernels/pointwise/pointwise_op.h>

namespace farro {

struct FARRO_API Add {
  static constexpr OpInfo info{.name = "add"};
  static constexpr bool kHostNumbers = true;
  static constexpr PointwiseKind kKind = PointwiseKind::arithmetic;
  struct Args {
    const Tensor& a;
    const Tensor& b;
    Scalar alpha;
    static constexpr std::array names{"a", "b", "alpha"};
  };
  static std::array<const Tensor*, 2> inputs(const Args& args) { return {&args.a, &args.b}; }
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<Add>& b);
  static Cost cost(const Args& args);
};

struct FARRO_API Sub {
  static constexpr OpInfo info{.name = "sub"};
  static constexpr bool kHostNumbers = true;
  static constexpr PointwiseKind kKind = PointwiseKind::arithmetic;
  struct Args {
    const Tensor& a;
    const Tensor& b;
    static constexpr std::array names{"a", "b"};
  };
  static std::array<const Tensor*, 2> inputs(const Args& args) { return {&args.a, &args.b}; }
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<Sub>& b);
  static Cost cost(const Args& args);
};

struct FARRO_API Mul {
  static constexpr OpInfo info{.name = "mul"};
  static constexpr bool kHostNumbers = true;
  static constexpr PointwiseKind kKind = PointwiseKind::arithmetic;
  using Args = Sub::Args;
  static constexpr Keep kKeep = Keep::inputs<Args>("a", "b");
  static Keep keep(const Args&, Need need) {
    return Keep::inputs<Args>("a").when(need[1]) | Keep::inputs<Args>("b").when(need[0]);
  }
  static std::array<const Tensor*, 2> inputs(const Args& args) { return {&args.a, &args.b}; }
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<Mul>& b);
  static Cost cost(const Args& args);
};

struct FARRO_API Div {
  static constexpr OpInfo info{.name = "div"};
  static constexpr bool kHostNumbers = true;
  static constexpr PointwiseKind kKind = PointwiseKind::floating;
  using Args = Sub::Args;
  static constexpr Keep kKeep = Keep::inputs<Args>("a", "b");
  static Keep keep(const Args&, Need need) { return Keep::inputs<Args>("b") | Keep::inputs<Args>("a").when(need[1]); }
  static std::array<const Tensor*, 2> inputs(const Args& args) { return {&args.a, &args.b}; }
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<Div>& b);
  static Cost cost(const Args& args);
};

struct FARRO_API Neg {
  static constexpr OpInfo info{.name = "neg"};
  static constexpr PointwiseKind kKind = PointwiseKind::arithmetic;
  struct Args {
    const Tensor& a;
    static constexpr std::array names{"a"};
  };
  static std::array<const Tensor*, 1> inputs(const Args& args) { return {&args.a}; }
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<Neg>& b);
  static Cost cost(const Args& args);
};

}  // namespace farro
