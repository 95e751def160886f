// SPDX-License-Identifier: Apache-2.0
// The op structs of compare.h, for its kernels.
#pragma once

#include <farro/core/api.h>
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

struct FARRO_API Eq : Comparison<Eq> {
  static constexpr OpInfo info{.name = "eq"};
};
struct FARRO_API Ne : Comparison<Ne> {
  static constexpr OpInfo info{.name = "ne"};
};
struct FARRO_API Lt : Comparison<Lt> {
  static constexpr OpInfo info{.name = "lt"};
};
struct FARRO_API Le : Comparison<Le> {
  static constexpr OpInfo info{.name = "le"};
};
struct FARRO_API Gt : Comparison<Gt> {
  static constexpr OpInfo info{.name = "gt"};
};
struct FARRO_API Ge : Comparison<Ge> {
  static constexpr OpInfo info{.name = "ge"};
};
struct FARRO_API LogicalAnd : Comparison<LogicalAnd> {
  static constexpr OpInfo info{.name = "logical_and", .autocast = Autocast::none};
};
struct FARRO_API LogicalOr : Comparison<LogicalOr> {
  static constexpr OpInfo info{.name = "logical_or", .autocast = Autocast::none};
};
struct FARRO_API LogicalXor : Comparison<LogicalXor> {
  static constexpr OpInfo info{.name = "logical_xor", .autocast = Autocast::none};
};
struct FARRO_API LogicalNot : Test<LogicalNot> {
  static constexpr OpInfo info{.name = "logical_not", .autocast = Autocast::none};
};
struct FARRO_API IsNan : Test<IsNan> {
  static constexpr OpInfo info{.name = "isnan", .autocast = Autocast::none};
};
struct FARRO_API IsFinite : Test<IsFinite> {
  static constexpr OpInfo info{.name = "isfinite", .autocast = Autocast::none};
};

}  // namespace farro
