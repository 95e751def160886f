#include <farro/kernels/pointwise/arithmetic.op.h>

#include <farro/autograd/call/inplace.h>
#include <farro/core/tensor/number.h>
#include <farro/kernels/pointwise/arithmetic.h>

#include <cmath>

namespace farro {

TensorSpec Add::infer(const Args& args) { return pointwise_spec(info.name, kKind, args.a, args.b); }
Grads Add::backward(const Saved& saved, const Grads& grads, Need need) {
  const Tensor& g = grads[0];
  return {need[0] ? g : Tensor(), need[1] ? (saved.alpha.to_double() == 1 ? g : g * saved.alpha) : Tensor()};
}
Cost Add::cost(const Args& args) {
  const Tensor inputs[] = {args.a, args.b};
  return pointwise_cost(kKind, inputs, args.alpha.to_double() == 1 ? 1 : 2);
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
  const Tensor by_b = div(grads[0], b);
  return {need[0] ? by_b : Tensor(), need[1] ? neg(mul(by_b, div(saved.a.get(), b))) : Tensor()};
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
void check_alpha(const char* op, const Tensor& a, const Tensor& b, Scalar alpha) {
  if ((!alpha.is_floating() && alpha.to_int() == 1) || !a.defined() || !b.defined()) return;
  const DType dtype = result_type(a, b);
  FARRO_CHECK(is_floating(dtype) || alpha.to_double() == std::trunc(alpha.to_double()),
              DTypeError, op, ": alpha must be a whole number for integer tensors, got ", alpha, " (a: ", a, ", b: ", b,
              ")");
  check_holds(op, "alpha", alpha, is_floating(dtype) ? compute_type(dtype) : dtype);
}

Tensor beside(const char* op, const Tensor& a, Scalar b) { return operand(op, "b", b, "a", a); }
Tensor beside(const char* op, Scalar a, const Tensor& b) { return operand(op, "a", a, "b", b); }

// Quotients of integers are floating: whatever the integers' dtype is, it need not hold the number.
Tensor for_division(const char* op, const char* argument, Scalar value, const char* name, const Tensor& beside) {
  check_defined(op, name, beside);
  if (is_floating(result_type(beside, value))) return operand(op, argument, value, name, beside);
  return wrap_number(value, beside);
}
}  // namespace

Tensor add(const Tensor& a, const Tensor& b, Scalar alpha) {
  check_alpha("add", a, b, alpha);
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
Tensor operator+(const Tensor& a, Scalar b) { return add(a, beside("add", a, b)); }
Tensor operator-(const Tensor& a, Scalar b) { return sub(a, beside("sub", a, b)); }
Tensor operator*(const Tensor& a, Scalar b) { return mul(a, beside("mul", a, b)); }
Tensor operator/(const Tensor& a, Scalar b) { return div(a, for_division("div", "b", b, "a", a)); }
Tensor operator+(Scalar a, const Tensor& b) { return add(beside("add", a, b), b); }
Tensor operator-(Scalar a, const Tensor& b) { return sub(beside("sub", a, b), b); }
Tensor operator*(Scalar a, const Tensor& b) { return mul(beside("mul", a, b), b); }
Tensor operator/(Scalar a, const Tensor& b) { return div(for_division("div", "a", a, "b", b), b); }

Tensor Tensor::operator-() const { return neg(*this); }
Tensor& Tensor::add_(const Tensor& other, Scalar alpha) {
  check_alpha("add_", *this, other, alpha);
  return call_inplace<Add>({*this, other, alpha}, *this);
}
Tensor& Tensor::sub_(const Tensor& other) { return call_inplace<Sub>({*this, other}, *this); }
Tensor& Tensor::mul_(const Tensor& other) { return call_inplace<Mul>({*this, other}, *this); }
Tensor& Tensor::div_(const Tensor& other) { return call_inplace<Div>({*this, other}, *this); }
Tensor& Tensor::add_(Scalar other) { return add_(operand("add_", "other", other, "tensor", *this)); }
Tensor& Tensor::sub_(Scalar other) { return sub_(operand("sub_", "other", other, "tensor", *this)); }
Tensor& Tensor::mul_(Scalar other) { return mul_(operand("mul_", "other", other, "tensor", *this)); }
Tensor& Tensor::div_(Scalar other) { return div_(for_division("div_", "other", other, "tensor", *this)); }

}  // namespace farro
