// SPDX-License-Identifier: Apache-2.0
// The op structs of compare.h, for its kernels.
#pragma once

#include <farro/kernels/pointwise/op_shapes.h>

namespace farro {

template <class Op>
struct Comparison : BinaryOp<Op> {
  static constexpr PointwiseKind kKind = PointwiseKind::comparison;
  static constexpr const char* no_backward = "the result is bool";
};
template <class Op>
struct Test : UnaryOp<Op> {
  static constexpr PointwiseKind kKind = PointwiseKind::comparison;
  static constexpr const char* no_backward = "the result is bool";
};

struct Eq : Comparison<Eq> {
  static constexpr OpInfo info{.name = "eq"};
};
struct Ne : Comparison<Ne> {
  static constexpr OpInfo info{.name = "ne"};
};
struct Lt : Comparison<Lt> {
  static constexpr OpInfo info{.name = "lt"};
};
struct Le : Comparison<Le> {
  static constexpr OpInfo info{.name = "le"};
};
struct Gt : Comparison<Gt> {
  static constexpr OpInfo info{.name = "gt"};
};
struct Ge : Comparison<Ge> {
  static constexpr OpInfo info{.name = "ge"};
};
struct LogicalAnd : Comparison<LogicalAnd> {
  static constexpr OpInfo info{.name = "logical_and", .autocast = Autocast::none};
};
struct LogicalOr : Comparison<LogicalOr> {
  static constexpr OpInfo info{.name = "logical_or", .autocast = Autocast::none};
};
struct LogicalXor : Comparison<LogicalXor> {
  static constexpr OpInfo info{.name = "logical_xor", .autocast = Autocast::none};
};
struct LogicalNot : Test<LogicalNot> {
  static constexpr OpInfo info{.name = "logical_not", .autocast = Autocast::none};
};
struct IsNan : Test<IsNan> {
  static constexpr OpInfo info{.name = "isnan", .autocast = Autocast::none};
};
struct IsFinite : Test<IsFinite> {
  static constexpr OpInfo info{.name = "isfinite", .autocast = Autocast::none};
};

}  // namespace farro
