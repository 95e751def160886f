// SPDX-License-Identifier: Apache-2.0
// The parts that elementwise ops of one arity share: an op struct derives from UnaryOp<Op> or BinaryOp<Op> and adds its
// info, its kKind and what it has of a backward.
#pragma once

#include <farro/kernels/pointwise/pointwise_op.h>

namespace farro {

struct UnaryArgs {
  const Tensor& a;
  static constexpr std::array names{"a"};
};

struct BinaryArgs {
  const Tensor& a;
  const Tensor& b;
  static constexpr std::array names{"a", "b"};
};

// Op::kFlops is the operations per element; transcendental functions count as one.
template <class Op>
struct UnaryOp {
  using Args = UnaryArgs;
  static constexpr double kFlops = 1;
  static std::array<const Tensor*, 1> inputs(const Args& args) { return {&args.a}; }
  static TensorSpec infer(const Args& args) { return pointwise_spec(Op::info.name, Op::kKind, args.a); }
  static Cost cost(const Args& args) { return pointwise_cost(Op::kKind, {&args.a, 1}, Op::kFlops); }
};

// With a backward from the input, or from the output where that says enough: it is often kept anyway.
template <class Op>
struct UnaryFromInput : UnaryOp<Op> {
  static constexpr Keep kKeep = Keep::inputs<UnaryArgs>("a");
};
template <class Op>
struct UnaryFromOutput : UnaryOp<Op> {
  static constexpr Keep kKeep = Keep::outputs(0);
};

template <class Op>
struct BinaryOp {
  using Args = BinaryArgs;
  static constexpr bool kHostNumbers = true;
  static constexpr double kFlops = 1;
  static std::array<const Tensor*, 2> inputs(const Args& args) { return {&args.a, &args.b}; }
  static TensorSpec infer(const Args& args) { return pointwise_spec(Op::info.name, Op::kKind, args.a, args.b); }
  static Cost cost(const Args& args) {
    const Tensor inputs[] = {args.a, args.b};
    return pointwise_cost(Op::kKind, inputs, Op::kFlops);
  }
};

}  // namespace farro
