// SPDX-License-Identifier: Apache-2.0
// The op structs of select.h, for its kernels.
#pragma once

#include <farro/core/api.h>
#include <farro/kernels/pointwise/op_shapes.h>

namespace farro {

struct FARRO_API Where {
  static constexpr OpInfo info{.name = "where"};
  static constexpr bool kHostNumbers = true;
  static constexpr PointwiseKind kKind = PointwiseKind::arithmetic;
  struct Args {
    const Tensor& condition;
    const Tensor& a;
    const Tensor& b;
    static constexpr std::array names{"condition", "a", "b"};
  };
  static constexpr Keep kKeep = Keep::inputs<Args>("condition");
  static std::array<const Tensor*, 3> inputs(const Args& args) { return {&args.condition, &args.a, &args.b}; }
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<Where>& b);
  static Cost cost(const Args& args);
};

struct FARRO_API MaskedFill {
  static constexpr OpInfo info{.name = "masked_fill"};
  static constexpr bool kHostNumbers = true;
  static constexpr PointwiseKind kKind = PointwiseKind::arithmetic;
  struct Args {
    const Tensor& a;
    const Tensor& mask;
    Scalar value;
    static constexpr std::array names{"a", "mask", "value"};
  };
  static constexpr Keep kKeep = Keep::inputs<Args>("mask");
  static std::array<const Tensor*, 2> inputs(const Args& args) { return {&args.a, &args.mask}; }
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<MaskedFill>& b);
  static Cost cost(const Args& args);
};

struct FARRO_API Clamp {
  static constexpr OpInfo info{.name = "clamp"};
  static constexpr PointwiseKind kKind = PointwiseKind::arithmetic;
  struct Args {
    const Tensor& a;
    Scalar low;
    Scalar high;
    static constexpr std::array names{"a", "low", "high"};
  };
  static constexpr Keep kKeep = Keep::inputs<Args>("a");
  static std::array<const Tensor*, 1> inputs(const Args& args) { return {&args.a}; }
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<Clamp>& b);
  static Cost cost(const Args& args) { return pointwise_cost(kKind, {&args.a, 1}, 2); }
};

struct FARRO_API Maximum : BinaryOp<Maximum> {
  static constexpr OpInfo info{.name = "maximum"};
  static constexpr PointwiseKind kKind = PointwiseKind::arithmetic;
  static constexpr Keep kKeep = Keep::inputs<Args>("a", "b");
  static Grads backward(const Back<Maximum>& b);
};

struct FARRO_API Minimum : BinaryOp<Minimum> {
  static constexpr OpInfo info{.name = "minimum"};
  static constexpr PointwiseKind kKind = PointwiseKind::arithmetic;
  static constexpr Keep kKeep = Keep::inputs<Args>("a", "b");
  static Grads backward(const Back<Minimum>& b);
};

}  // namespace farro
