#include <farro/kernels/pointwise/unary.op.h>

#include <farro/autograd/call/call.h>
#include <farro/kernels/pointwise/compare.h>
#include <farro/kernels/pointwise/factories.h>
#include <farro/kernels/pointwise/select.h>
#include <farro/kernels/pointwise/unary.h>
#include <farro/kernels/pointwise/widen.h>

namespace farro {

// Factors are multiplied to the gradient one by one: a power of them may overflow where the gradient is small or 0.

Grads Exp::backward(const Saved& saved, const Grads& grads, Need) { return {grads[0] * saved.out.get()}; }
Grads Expm1::backward(const Saved& saved, const Grads& grads, Need) {
  return {grads[0] * (widened(saved.out.get()) + 1)};
}
Grads Log::backward(const Saved& saved, const Grads& grads, Need) { return {grads[0] / saved.a.get()}; }
Grads Log1p::backward(const Saved& saved, const Grads& grads, Need) {
  return {grads[0] / (widened(saved.a.get()) + 1)};
}
Grads Sqrt::backward(const Saved& saved, const Grads& grads, Need) { return {grads[0] / (saved.out.get() * 2)}; }
Grads Rsqrt::backward(const Saved& saved, const Grads& grads, Need) {
  const Tensor out = widened(saved.out.get());
  return {grads[0] * out * out * out * -0.5};
}
Grads Reciprocal::backward(const Saved& saved, const Grads& grads, Need) {
  const Tensor out = widened(saved.out.get());
  return {-(grads[0] * out * out)};
}
Grads Sin::backward(const Saved& saved, const Grads& grads, Need) { return {grads[0] * cos(saved.a.get())}; }
Grads Cos::backward(const Saved& saved, const Grads& grads, Need) { return {-(grads[0] * sin(saved.a.get()))}; }
Grads Erf::backward(const Saved& saved, const Grads& grads, Need) {
  constexpr double kTwoOverRootPi = 1.12837916709551257390;
  return {grads[0] * (exp(-square(widened(saved.a.get()))) * kTwoOverRootPi)};
}
Grads Abs::backward(const Saved& saved, const Grads& grads, Need) {
  const Tensor a = saved.a.get().detach();
  // Whatever the gradient, 0 at 0; NaN where a is.
  return {where(a > 0, grads[0], where(a < 0, -grads[0], a * 0))};
}
Grads Square::backward(const Saved& saved, const Grads& grads, Need) {
  return {widened(grads[0]) * saved.a.get() * 2};
}

template <class Op>
Grads StepOp<Op>::backward(const Saved&, const Grads& grads, Need) {
  return {zeros_like(grads[0])};
}

void register_unary();
void register_unary() {
  register_op<Exp>();
  register_op<Expm1>();
  register_op<Log>();
  register_op<Log1p>();
  register_op<Sqrt>();
  register_op<Rsqrt>();
  register_op<Reciprocal>();
  register_op<Sin>();
  register_op<Cos>();
  register_op<Erf>();
  register_op<Abs>();
  register_op<Square>();
  register_op<Sign>();
  register_op<Floor>();
  register_op<Ceil>();
  register_op<Round>();
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
