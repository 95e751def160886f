// SPDX-License-Identifier: Apache-2.0
// Functions of one argument as ops. Exponentials and roots keep their result for backward, the others their input.
#include <farro/kernels/pointwise/unary.op.h>

#include <farro/autograd/call/call.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/pointwise/choose.h>
#include <farro/kernels/pointwise/compare.h>
#include <farro/kernels/pointwise/unary.h>
#include <farro/kernels/pointwise/widen.h>

namespace farro {

// Factors are multiplied to the gradient one by one: a power of them may overflow where the gradient is small or 0.

Grads Exp::backward(const Back<Exp>& b) { return {b.grad[0] * b.out[0]}; }
Grads Expm1::backward(const Back<Expm1>& b) { return {b.grad[0] * (widened(b.out[0]) + 1)}; }
Grads Log::backward(const Back<Log>& b) { return {b.grad[0] / b.args.a}; }
Grads Log1p::backward(const Back<Log1p>& b) { return {b.grad[0] / (widened(b.args.a) + 1)}; }
Grads Sqrt::backward(const Back<Sqrt>& b) { return {b.grad[0] / (b.out[0] * 2)}; }
// y = x^(-1/2): y' = -y^3 / 2. Reciprocal: y' = -y^2.
Grads Rsqrt::backward(const Back<Rsqrt>& b) {
  const Tensor out = widened(b.out[0]);
  return {b.grad[0] * out * out * out * -0.5};
}
Grads Reciprocal::backward(const Back<Reciprocal>& b) {
  const Tensor out = widened(b.out[0]);
  return {-(b.grad[0] * out * out)};
}
Grads Sin::backward(const Back<Sin>& b) { return {b.grad[0] * cos(b.args.a)}; }
Grads Cos::backward(const Back<Cos>& b) { return {-(b.grad[0] * sin(b.args.a))}; }
// erf'(x) = 2 / sqrt(pi) exp(-x^2).
Grads Erf::backward(const Back<Erf>& b) {
  constexpr double kTwoOverRootPi = 1.12837916709551257390;
  return {b.grad[0] * (exp(-square(widened(b.args.a))) * kTwoOverRootPi)};
}
Grads Abs::backward(const Back<Abs>& b) {
  const Tensor a = b.args.a.detach();
  // Whatever the gradient, 0 at 0; NaN where a is.
  return {where(a > 0, b.grad[0], where(a < 0, -b.grad[0], a * 0))};
}
Grads Square::backward(const Back<Square>& b) { return {widened(b.grad[0]) * b.args.a * 2}; }

template <class Op>
Grads StepOp<Op>::backward(const Back<Op>& b) {
  // sign, floor, ceil and round are constant between their steps.
  return {zeros_like(b.grad[0])};
}

void register_unary();
void register_unary() {
  register_ops<Exp, Expm1, Log, Log1p, Sqrt, Rsqrt, Reciprocal, Sin, Cos, Erf, Abs, Square, Sign, Floor, Ceil, Round>();
}

Tensor exp(const Tensor& a) { return call<Exp>({a}); }
Tensor expm1(const Tensor& a) { return call<Expm1>({a}); }
Tensor log(const Tensor& a) { return call<Log>({a}); }
Tensor log1p(const Tensor& a) { return call<Log1p>({a}); }
Tensor sqrt(const Tensor& a) { return call<Sqrt>({a}); }
Tensor rsqrt(const Tensor& a) { return call<Rsqrt>({a}); }
Tensor reciprocal(const Tensor& a) { return call<Reciprocal>({a}); }
Tensor sin(const Tensor& a) { return call<Sin>({a}); }
Tensor cos(const Tensor& a) { return call<Cos>({a}); }
Tensor erf(const Tensor& a) { return call<Erf>({a}); }
Tensor abs(const Tensor& a) { return call<Abs>({a}); }
// Of bool as m * m would be of numbers: i64, as pow(m, 2).
Tensor square(const Tensor& a) {
  const bool is_bool = a.defined() && a.dtype() == DType::boolean;
  return call<Square>({is_bool ? a.to(DType::i64) : a});
}
Tensor sign(const Tensor& a) { return call<Sign>({a}); }
Tensor floor(const Tensor& a) { return call<Floor>({a}); }
Tensor ceil(const Tensor& a) { return call<Ceil>({a}); }
Tensor round(const Tensor& a) { return call<Round>({a}); }

Tensor Tensor::exp() const { return farro::exp(*this); }
Tensor Tensor::log() const { return farro::log(*this); }
Tensor Tensor::sqrt() const { return farro::sqrt(*this); }
Tensor Tensor::abs() const { return farro::abs(*this); }

}  // namespace farro
