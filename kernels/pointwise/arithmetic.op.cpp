#include <farro/kernels/pointwise/arithmetic.op.h>

#include <farro/autograd/call/inplace.h>
#include <farro/kernels/pointwise/arithmetic.h>
#include <farro/kernels/pointwise/widen.h>

#include <cmath>

namespace farro {

TensorSpec Add::infer(const Args& args) { return pointwise_spec(info.name, kKind, args.a, args.b); }
Grads Add::backward(const Saved& saved, const Grads& grads, Need need) {
  const Tensor& g = grads[0];
  return {need[0] ? g : Tensor(), need[1] ? (saved.alpha == 1 ? g : g * saved.alpha) : Tensor()};
}
Cost Add::cost(const Args& args) {
  const Tensor inputs[] = {args.a, args.b};
  return pointwise_cost(kKind, inputs, args.alpha == 1 ? 1 : 2);
}

TensorSpec Sub::infer(const Args& args) { return pointwise_spec(info.name, kKind, args.a, args.b); }
Grads Sub::backward(const Saved&, const Grads& grads, Need need) {
  return {need[0] ? grads[0] : Tensor(), need[1] ? neg(grads[0]) : Tensor()};
}
Cost Sub::cost(const Args& args) {
  const Tensor inputs[] = {args.a, args.b};
  return pointwise_cost(kKind, inputs, 1);
}

TensorSpec Mul::infer(const Args& args) { return pointwise_spec(info.name, kKind, args.a, args.b); }
Mul::Saved Mul::save(const Args& args, const Outputs<Mul>&, Need need) {
  return {need[1] ? SavedTensor(args.a) : SavedTensor(), need[0] ? SavedTensor(args.b) : SavedTensor()};
}
Grads Mul::backward(const Saved& saved, const Grads& grads, Need need) {
  return {need[0] ? mul(grads[0], saved.b.get()) : Tensor(), need[1] ? mul(grads[0], saved.a.get()) : Tensor()};
}
Cost Mul::cost(const Args& args) {
  const Tensor inputs[] = {args.a, args.b};
  return pointwise_cost(kKind, inputs, 1);
}

TensorSpec Div::infer(const Args& args) { return pointwise_spec(info.name, kKind, args.a, args.b); }
Div::Saved Div::save(const Args& args, const Outputs<Div>&, Need need) {
  return {need[1] ? SavedTensor(args.a) : SavedTensor(), SavedTensor(args.b)};
}
Grads Div::backward(const Saved& saved, const Grads& grads, Need need) {
  const Tensor b = saved.b.get();
  const Tensor by_b = div(need[1] ? widened(grads[0]) : grads[0], b);
  return {need[0] ? by_b : Tensor(), need[1] ? neg(mul(by_b, div(widened(saved.a.get()), b))) : Tensor()};
}
Cost Div::cost(const Args& args) {
  const Tensor inputs[] = {args.a, args.b};
  return pointwise_cost(kKind, inputs, 1);
}

TensorSpec Neg::infer(const Args& args) {
  FARRO_CHECK(args.a.dtype() != DType::boolean, DTypeError, "neg: a must be a number, got bool (a: ", args.a, ")");
  return pointwise_spec(info.name, kKind, args.a);
}
Grads Neg::backward(const Saved&, const Grads& grads, Need) { return {neg(grads[0])}; }
Cost Neg::cost(const Args& args) { return pointwise_cost(kKind, {&args.a, 1}, 1); }

void register_arithmetic();
void register_arithmetic() {
  register_op<Add>();
  register_op<Sub>();
  register_op<Mul>();
  register_op<Div>();
  register_op<Neg>();
}

namespace {
// Here and not in infer(), where it would cost a + b four instructions.
void check_alpha(const Tensor& a, const Tensor& b, double alpha) {
  if (alpha == std::floor(alpha) || !a.defined() || !b.defined()) return;
  FARRO_CHECK(is_floating(result_type(a, b)), DTypeError, "add: alpha must be a whole number for integer tensors, got ",
              alpha, " (a: ", a, ", b: ", b, ")");
}
}  // namespace

Tensor add(const Tensor& a, const Tensor& b, double alpha) {
  check_alpha(a, b, alpha);
  return call<Add>({a, b, alpha});
}
Tensor sub(const Tensor& a, const Tensor& b) { return call<Sub>({a, b}); }
Tensor mul(const Tensor& a, const Tensor& b) { return call<Mul>({a, b}); }
Tensor div(const Tensor& a, const Tensor& b) { return call<Div>({a, b}); }
Tensor neg(const Tensor& a) { return call<Neg>({a}); }

Tensor operator+(const Tensor& a, const Tensor& b) { return call<Add>({a, b, 1}); }
Tensor operator-(const Tensor& a, const Tensor& b) { return sub(a, b); }
Tensor operator*(const Tensor& a, const Tensor& b) { return mul(a, b); }
Tensor operator/(const Tensor& a, const Tensor& b) { return div(a, b); }
Tensor operator+(const Tensor& a, Scalar b) { return add(a, wrap_number(b, a)); }
Tensor operator-(const Tensor& a, Scalar b) { return sub(a, wrap_number(b, a)); }
Tensor operator*(const Tensor& a, Scalar b) { return mul(a, wrap_number(b, a)); }
Tensor operator/(const Tensor& a, Scalar b) { return div(a, wrap_number(b, a)); }
Tensor operator+(Scalar a, const Tensor& b) { return add(wrap_number(a, b), b); }
Tensor operator-(Scalar a, const Tensor& b) { return sub(wrap_number(a, b), b); }
Tensor operator*(Scalar a, const Tensor& b) { return mul(wrap_number(a, b), b); }
Tensor operator/(Scalar a, const Tensor& b) { return div(wrap_number(a, b), b); }

Tensor Tensor::operator-() const { return neg(*this); }
Tensor& Tensor::add_(const Tensor& other, double alpha) {
  check_alpha(*this, other, alpha);
  return call_inplace<Add>({*this, other, alpha}, *this);
}
Tensor& Tensor::sub_(const Tensor& other) { return call_inplace<Sub>({*this, other}, *this); }
Tensor& Tensor::mul_(const Tensor& other) { return call_inplace<Mul>({*this, other}, *this); }
Tensor& Tensor::div_(const Tensor& other) { return call_inplace<Div>({*this, other}, *this); }
Tensor& Tensor::add_(Scalar other) { return add_(wrap_number(other, *this)); }
Tensor& Tensor::sub_(Scalar other) { return sub_(wrap_number(other, *this)); }
Tensor& Tensor::mul_(Scalar other) { return mul_(wrap_number(other, *this)); }
Tensor& Tensor::div_(Scalar other) { return div_(wrap_number(other, *this)); }

}  // namespace farro
