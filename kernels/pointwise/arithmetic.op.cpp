// SPDX-License-Identifier: Apache-2.0
// add, sub, mul, div and neg as ops, and the operators and methods that call them. This is the path whose instructions
// tests/perf counts, so checks that plain tensors do not need stay outside infer().
#include <farro/kernels/pointwise/arithmetic.op.h>

#include <farro/autograd/call/inplace.h>
#include <farro/core/tensor/number.h>
#include <farro/kernels/pointwise/arithmetic.h>
#include <farro/kernels/pointwise/widen.h>

#include <cmath>

namespace farro {

TensorSpec Add::infer(const Args& args) { return pointwise_spec(info.name, kKind, args.a, args.b); }
Grads Add::backward(const Back<Add>& b) {
  const Tensor& g = b.grad[0];
  // The gradient may have the broadcast shape: the engine sums it for the smaller operand.
  return {b.need[0] ? g : Tensor(), b.need[1] ? (b.args.alpha.to_double() == 1 ? g : g * b.args.alpha) : Tensor()};
}
Cost Add::cost(const Args& args) {
  const Tensor inputs[] = {args.a, args.b};
  return pointwise_cost(kKind, inputs, args.alpha.to_double() == 1 ? 1 : 2);
}

TensorSpec Sub::infer(const Args& args) { return pointwise_spec(info.name, kKind, args.a, args.b); }
Grads Sub::backward(const Back<Sub>& b) {
  return {b.need[0] ? b.grad[0] : Tensor(), b.need[1] ? neg(b.grad[0]) : Tensor()};
}
Cost Sub::cost(const Args& args) {
  const Tensor inputs[] = {args.a, args.b};
  return pointwise_cost(kKind, inputs, 1);
}

TensorSpec Mul::infer(const Args& args) { return pointwise_spec(info.name, kKind, args.a, args.b); }
Grads Mul::backward(const Back<Mul>& b) {
  return {b.need[0] ? mul(b.grad[0], b.args.b) : Tensor(), b.need[1] ? mul(b.grad[0], b.args.a) : Tensor()};
}
Cost Mul::cost(const Args& args) {
  const Tensor inputs[] = {args.a, args.b};
  return pointwise_cost(kKind, inputs, 1);
}

TensorSpec Div::infer(const Args& args) { return pointwise_spec(info.name, kKind, args.a, args.b); }

Grads Div::backward(const Back<Div>& b) {
  const Tensor& divisor = b.args.b;
  // d/da a/b = g/b; d/db a/b = -(g/b) (a/b). Not a / b^2, whose square may overflow.
  const Tensor quotient = div(b.need[1] ? widened(b.grad[0]) : b.grad[0], divisor);
  return {b.need[0] ? quotient : Tensor(), b.need[1] ? neg(mul(quotient, div(widened(b.args.a), divisor))) : Tensor()};
}
Cost Div::cost(const Args& args) {
  const Tensor inputs[] = {args.a, args.b};
  return pointwise_cost(kKind, inputs, 1);
}

TensorSpec Neg::infer(const Args& args) {
  FARRO_CHECK(args.a.dtype() != DType::boolean, DTypeError, "neg: a must be a number, got bool (a: ", args.a, ")");
  return pointwise_spec(info.name, kKind, args.a);
}
Grads Neg::backward(const Back<Neg>& b) { return {neg(b.grad[0])}; }
Cost Neg::cost(const Args& args) { return pointwise_cost(kKind, {&args.a, 1}, 1); }

void register_arithmetic();
void register_arithmetic() { register_ops<Add, Sub, Mul, Div, Neg>(); }

namespace {
// Here and not in infer(), where it would cost a + b four instructions.
void check_alpha(const char* op, const Tensor& a, const Tensor& b, Scalar alpha) {
  if ((!alpha.is_floating() && alpha.to_int() == 1) || !a.defined() || !b.defined()) return;
  const DType dtype = result_type(a, b);
  FARRO_CHECK(is_floating(dtype) || alpha.to_double() == std::trunc(alpha.to_double()), DTypeError, op,
              ": alpha must be a whole number for integer tensors, got ", alpha, " (a: ", a, ", b: ", b, ")");
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
  return call<Add>({.a = a, .b = b, .alpha = alpha});
}
Tensor sub(const Tensor& a, const Tensor& b) { return call<Sub>({a, b}); }
Tensor mul(const Tensor& a, const Tensor& b) { return call<Mul>({a, b}); }
Tensor div(const Tensor& a, const Tensor& b) { return call<Div>({a, b}); }
Tensor neg(const Tensor& a) { return call<Neg>({a}); }

Tensor operator+(const Tensor& a, const Tensor& b) { return call<Add>({.a = a, .b = b, .alpha = 1}); }
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
  return call_inplace<Add>({.a = *this, .b = other, .alpha = alpha}, *this);
}
Tensor& Tensor::sub_(const Tensor& other) { return call_inplace<Sub>({*this, other}, *this); }
Tensor& Tensor::mul_(const Tensor& other) { return call_inplace<Mul>({*this, other}, *this); }
Tensor& Tensor::div_(const Tensor& other) { return call_inplace<Div>({*this, other}, *this); }
Tensor& Tensor::add_(Scalar other) { return add_(operand("add_", "other", other, "tensor", *this)); }
Tensor& Tensor::sub_(Scalar other) { return sub_(operand("sub_", "other", other, "tensor", *this)); }
Tensor& Tensor::mul_(Scalar other) { return mul_(operand("mul_", "other", other, "tensor", *this)); }
Tensor& Tensor::div_(Scalar other) { return div_(for_division("div_", "other", other, "tensor", *this)); }

}  // namespace farro
