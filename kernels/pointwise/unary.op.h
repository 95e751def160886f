// SPDX-License-Identifier: Apache-2.0
// The op structs of unary.h, for its kernels.
#pragma once

#include <farro/core/api.h>
#include <farro/kernels/pointwise/op_shapes.h>

namespace farro {

struct FARRO_API Exp : UnaryFromOutput<Exp> {
  static constexpr OpInfo info{.name = "exp", .autocast = Autocast::full};
  static constexpr PointwiseKind kKind = PointwiseKind::floating;
  static Grads backward(const Back<Exp>& b);
};
struct FARRO_API Expm1 : UnaryFromOutput<Expm1> {
  static constexpr OpInfo info{.name = "expm1", .autocast = Autocast::full};
  static constexpr PointwiseKind kKind = PointwiseKind::floating;
  static Grads backward(const Back<Expm1>& b);
};
struct FARRO_API Log : UnaryFromInput<Log> {
  static constexpr OpInfo info{.name = "log", .autocast = Autocast::full};
  static constexpr PointwiseKind kKind = PointwiseKind::floating;
  static Grads backward(const Back<Log>& b);
};
struct FARRO_API Log1p : UnaryFromInput<Log1p> {
  static constexpr OpInfo info{.name = "log1p", .autocast = Autocast::full};
  static constexpr PointwiseKind kKind = PointwiseKind::floating;
  static Grads backward(const Back<Log1p>& b);
};
struct FARRO_API Sqrt : UnaryFromOutput<Sqrt> {
  static constexpr OpInfo info{.name = "sqrt"};
  static constexpr PointwiseKind kKind = PointwiseKind::floating;
  static Grads backward(const Back<Sqrt>& b);
};
struct FARRO_API Rsqrt : UnaryFromOutput<Rsqrt> {
  static constexpr OpInfo info{.name = "rsqrt", .autocast = Autocast::full};
  static constexpr PointwiseKind kKind = PointwiseKind::floating;
  static Grads backward(const Back<Rsqrt>& b);
};
struct FARRO_API Reciprocal : UnaryFromOutput<Reciprocal> {
  static constexpr OpInfo info{.name = "reciprocal", .autocast = Autocast::full};
  static constexpr PointwiseKind kKind = PointwiseKind::floating;
  static Grads backward(const Back<Reciprocal>& b);
};
struct FARRO_API Sin : UnaryFromInput<Sin> {
  static constexpr OpInfo info{.name = "sin"};
  static constexpr PointwiseKind kKind = PointwiseKind::floating;
  static Grads backward(const Back<Sin>& b);
};
struct FARRO_API Cos : UnaryFromInput<Cos> {
  static constexpr OpInfo info{.name = "cos"};
  static constexpr PointwiseKind kKind = PointwiseKind::floating;
  static Grads backward(const Back<Cos>& b);
};
struct FARRO_API Erf : UnaryFromInput<Erf> {
  static constexpr OpInfo info{.name = "erf"};
  static constexpr PointwiseKind kKind = PointwiseKind::floating;
  static Grads backward(const Back<Erf>& b);
};
struct FARRO_API Abs : UnaryFromInput<Abs> {
  static constexpr OpInfo info{.name = "abs"};
  static constexpr PointwiseKind kKind = PointwiseKind::arithmetic;
  static Grads backward(const Back<Abs>& b);
};
struct FARRO_API Square : UnaryFromInput<Square> {
  static constexpr OpInfo info{.name = "square"};
  static constexpr PointwiseKind kKind = PointwiseKind::arithmetic;
  static Grads backward(const Back<Square>& b);
};

// Piecewise constant: the gradient is 0.
template <class Op>
struct StepOp : UnaryOp<Op> {
  static constexpr PointwiseKind kKind = PointwiseKind::arithmetic;
  static Grads backward(const Back<Op>& b);
};
struct FARRO_API Sign : StepOp<Sign> {
  static constexpr OpInfo info{.name = "sign"};
};
struct FARRO_API Floor : StepOp<Floor> {
  static constexpr OpInfo info{.name = "floor"};
};
struct FARRO_API Ceil : StepOp<Ceil> {
  static constexpr OpInfo info{.name = "ceil"};
};
struct FARRO_API Round : StepOp<Round> {
  static constexpr OpInfo info{.name = "round"};
};

}  // namespace farro
