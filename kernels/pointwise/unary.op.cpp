#include <farro/kernels/pointwise/unary.op.h>

#include <farro/autograd/call/call.h>
#include <farro/kernels/pointwise/factories.h>
#include <farro/kernels/pointwise/unary.h>

namespace farro {

Grads Exp::backward(const Back<Exp>& b) { return {b.grad[0] * b.out[0]}; }
Grads Expm1::backward(const Back<Expm1>& b) { return {b.grad[0] * (b.out[0] + 1)}; }
Grads Log::backward(const Back<Log>& b) { return {b.grad[0] / b.args.a}; }
Grads Log1p::backward(const Back<Log1p>& b) { return {b.grad[0] / (b.args.a + 1)}; }
Grads Sqrt::backward(const Back<Sqrt>& b) { return {b.grad[0] / (b.out[0] * 2)}; }
Grads Rsqrt::backward(const Back<Rsqrt>& b) {
  const Tensor out = b.out[0];
  return {b.grad[0] * (out * square(out) * -0.5)};
}
Grads Reciprocal::backward(const Back<Reciprocal>& b) {
  return {-(b.grad[0] * square(b.out[0]))};
}
Grads Sin::backward(const Back<Sin>& b) { return {b.grad[0] * cos(b.args.a)}; }
Grads Cos::backward(const Back<Cos>& b) { return {-(b.grad[0] * sin(b.args.a))}; }
Grads Erf::backward(const Back<Erf>& b) {
  constexpr double kTwoOverRootPi = 1.12837916709551257390;
  return {b.grad[0] * (exp(-square(b.args.a)) * kTwoOverRootPi)};
}
Grads Abs::backward(const Back<Abs>& b) { return {b.grad[0] * sign(b.args.a)}; }
Grads Square::backward(const Back<Square>& b) { return {b.grad[0] * (b.args.a * 2)}; }

template <class Op>
Grads StepOp<Op>::backward(const Back<Op>& b) {
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
Tensor square(const Tensor& a) { return call<Square>({a}); }
Tensor sign(const Tensor& a) { return call<Sign>({a}); }
Tensor floor(const Tensor& a) { return call<Floor>({a}); }
Tensor ceil(const Tensor& a) { return call<Ceil>({a}); }
Tensor round(const Tensor& a) { return call<Round>({a}); }

Tensor Tensor::exp() const { return farro::exp(*this); }
Tensor Tensor::log() const { return farro::log(*this); }
Tensor Tensor::sqrt() const { return farro::sqrt(*this); }
Tensor Tensor::abs() const { return farro::abs(*this); }

}  // namespace farro
