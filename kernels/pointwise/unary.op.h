// The op structs of unary.h, for its kernels.
#pragma once

#include <farro/kernels/pointwise/op_shapes.h>

namespace farro {

struct Exp : UnaryFromOutput<Exp> {
  static constexpr OpInfo info{.name = "exp", .autocast = Autocast::full};
  static constexpr PointwiseKind kKind = PointwiseKind::floating;
  static Grads backward(const Saved& saved, const Grads& grads, Need);
};
struct Expm1 : UnaryFromOutput<Expm1> {
  static constexpr OpInfo info{.name = "expm1", .autocast = Autocast::full};
  static constexpr PointwiseKind kKind = PointwiseKind::floating;
  static Grads backward(const Saved& saved, const Grads& grads, Need);
};
struct Log : UnaryFromInput<Log> {
  static constexpr OpInfo info{.name = "log", .autocast = Autocast::full};
  static constexpr PointwiseKind kKind = PointwiseKind::floating;
  static Grads backward(const Saved& saved, const Grads& grads, Need);
};
struct Log1p : UnaryFromInput<Log1p> {
  static constexpr OpInfo info{.name = "log1p", .autocast = Autocast::full};
  static constexpr PointwiseKind kKind = PointwiseKind::floating;
  static Grads backward(const Saved& saved, const Grads& grads, Need);
};
struct Sqrt : UnaryFromOutput<Sqrt> {
  static constexpr OpInfo info{.name = "sqrt"};
  static constexpr PointwiseKind kKind = PointwiseKind::floating;
  static Grads backward(const Saved& saved, const Grads& grads, Need);
};
struct Rsqrt : UnaryFromOutput<Rsqrt> {
  static constexpr OpInfo info{.name = "rsqrt", .autocast = Autocast::full};
  static constexpr PointwiseKind kKind = PointwiseKind::floating;
  static Grads backward(const Saved& saved, const Grads& grads, Need);
};
struct Reciprocal : UnaryFromOutput<Reciprocal> {
  static constexpr OpInfo info{.name = "reciprocal", .autocast = Autocast::full};
  static constexpr PointwiseKind kKind = PointwiseKind::floating;
  static Grads backward(const Saved& saved, const Grads& grads, Need);
};
struct Sin : UnaryFromInput<Sin> {
  static constexpr OpInfo info{.name = "sin"};
  static constexpr PointwiseKind kKind = PointwiseKind::floating;
  static Grads backward(const Saved& saved, const Grads& grads, Need);
};
struct Cos : UnaryFromInput<Cos> {
  static constexpr OpInfo info{.name = "cos"};
  static constexpr PointwiseKind kKind = PointwiseKind::floating;
  static Grads backward(const Saved& saved, const Grads& grads, Need);
};
struct Erf : UnaryFromInput<Erf> {
  static constexpr OpInfo info{.name = "erf"};
  static constexpr PointwiseKind kKind = PointwiseKind::floating;
  static Grads backward(const Saved& saved, const Grads& grads, Need);
};
struct Abs : UnaryFromInput<Abs> {
  static constexpr OpInfo info{.name = "abs"};
  static constexpr PointwiseKind kKind = PointwiseKind::arithmetic;
  static Grads backward(const Saved& saved, const Grads& grads, Need);
};
struct Square : UnaryFromInput<Square> {
  static constexpr OpInfo info{.name = "square"};
  static constexpr PointwiseKind kKind = PointwiseKind::arithmetic;
  static Grads backward(const Saved& saved, const Grads& grads, Need);
};

// Piecewise constant: the gradient is 0.
template <class Op>
struct StepOp : UnaryOp<Op> {
  static constexpr PointwiseKind kKind = PointwiseKind::arithmetic;
  struct Saved {};
  static Saved save(const UnaryArgs&, const std::array<Tensor, 1>&, Need) { return {}; }
  static Grads backward(const Saved&, const Grads& grads, Need);
};
struct Sign : StepOp<Sign> {
  static constexpr OpInfo info{.name = "sign"};
};
struct Floor : StepOp<Floor> {
  static constexpr OpInfo info{.name = "floor"};
};
struct Ceil : StepOp<Ceil> {
  static constexpr OpInfo info{.name = "ceil"};
};
struct Round : StepOp<Round> {
  static constexpr OpInfo info{.name = "round"};
};

}  // namespace farro
