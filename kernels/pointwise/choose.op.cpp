// SPDX-License-Identifier: Apache-2.0
// where, masked_fill, clamp, maximum and minimum as ops, with the checks of numbers that stand for tensors.
#include <farro/kernels/pointwise/choose.op.h>

#include <farro/autograd/call/inplace.h>
#include <farro/core/tensor/number.h>
#include <farro/kernels/pointwise/choose.h>
#include <farro/kernels/pointwise/compare.h>

#include <cstdint>
#include <limits>

namespace farro {

namespace {

void check_mask(const char* op, const char* name, const Tensor& mask) {
  FARRO_CHECK(mask.dtype() == DType::boolean, DTypeError, op, ": ", name, " must be bool, got ", mask.dtype(), " (",
              name, ": ", mask, ")");
}

// Of two inputs of an extremum: the one that is passed over gets nothing, equal ones half of the gradient each. NaN is
// neither passed over nor equal.
Grads backward_of_extremum(const Tensor& grad, const Tensor& passed_a, const Tensor& passed_b, const Tensor& equal,
                           Need need) {
  const Tensor share = where(equal, grad / 2, grad);
  return {need[0] ? masked_fill(share, passed_a, 0) : Tensor(), need[1] ? masked_fill(share, passed_b, 0) : Tensor()};
}

}  // namespace

TensorSpec Where::infer(const Args& args) {
  check_mask(info.name, "condition", args.condition);
  const Tensor inputs[] = {args.condition, args.a, args.b};
  TensorSpec spec = pointwise_spec(info.name, kKind, inputs);
  spec.dtype = result_type(args.a, args.b);
  return spec;
}
Grads Where::backward(const Back<Where>& b) {
  const Tensor condition = b.args.condition;
  return {Tensor(), b.need[1] ? masked_fill(b.grad[0], logical_not(condition), 0) : Tensor(),
          b.need[2] ? masked_fill(b.grad[0], condition, 0) : Tensor()};
}
Cost Where::cost(const Args& args) {
  const Tensor inputs[] = {args.condition, args.a, args.b};
  return pointwise_cost(kKind, inputs, 1);
}

TensorSpec MaskedFill::infer(const Args& args) {
  check_mask(info.name, "mask", args.mask);
  TensorSpec spec = pointwise_spec(info.name, kKind, args.a, args.mask);
  spec.dtype = args.a.dtype();
  return spec;
}
Grads MaskedFill::backward(const Back<MaskedFill>& b) {
  return {b.need[0] ? masked_fill(b.grad[0], b.args.mask, 0) : Tensor(), Tensor()};
}
Cost MaskedFill::cost(const Args& args) {
  const Tensor inputs[] = {args.a, args.mask};
  return pointwise_cost(kKind, inputs, 1);
}

TensorSpec Clamp::infer(const Args& args) {
  FARRO_CHECK(args.a.dtype() != DType::boolean, DTypeError, "clamp: a must be a number, got bool (a: ", args.a, ")");
  // clamp() makes integers floating beforehand, which clamp_() cannot.
  FARRO_CHECK(is_floating(args.a.dtype()) || !(args.low.is_floating() || args.high.is_floating()), DTypeError,
              "clamp_: low and high must be integers for an integer tensor, got low ", args.low, " and high ",
              args.high, " (a: ", args.a, ")");
  return pointwise_spec(info.name, kKind, args.a);
}
Grads Clamp::backward(const Back<Clamp>& b) {
  const Tensor& a = b.args.a;
  // At a bound the gradient passes, as in PyTorch; NaN is within none.
  return {where(logical_and(a >= b.args.low, a <= b.args.high), b.grad[0], 0)};
}

Grads Maximum::backward(const Back<Maximum>& b) {
  const Tensor &x = b.args.a, &y = b.args.b;
  return backward_of_extremum(b.grad[0], x<y, x> y, x == y, b.need);
}
Grads Minimum::backward(const Back<Minimum>& b) {
  const Tensor &x = b.args.a, &y = b.args.b;
  return backward_of_extremum(b.grad[0], x > y, x < y, x == y, b.need);
}

void register_choose();
void register_choose() { register_ops<Where, MaskedFill, Clamp, Maximum, Minimum>(); }

namespace {

// A number that is stored where the condition picks it.
Tensor choice(const char* argument, Scalar value, const char* name, const Tensor& beside) {
  check_defined("where", name, beside);
  check_holds("where", argument, value, result_type(beside, value));
  return wrap_number(value, beside);
}

// Both bounds, with a missing one at the end of the dtype's range. A bound that the dtype does not hold is no error
// where it bounds nothing, as 300 from above does in u8: the results are all held.
std::pair<Scalar, Scalar> bounds_for(const char* op, DType dtype, std::optional<Scalar> low,
                                     std::optional<Scalar> high) {
  FARRO_CHECK(low || high, ValueError, op, ": low or high must be given, got neither");
  const bool typed = is_floating(dtype) || !((low && low->is_floating()) || (high && high->is_floating()));
  const bool capped = low && high && high->to_double() < low->to_double();  // then all become `high`
  if (typed && low && !capped && (low->to_double() > 0)) check_holds(op, "low", *low, dtype);
  if (typed && high && high->to_double() < 0) check_holds(op, "high", *high, dtype);
  if (typed && capped) check_holds(op, "high", *high, dtype);
  if (is_floating(dtype)) {
    const double infinity = std::numeric_limits<double>::infinity();
    return {low.value_or(-infinity), high.value_or(infinity)};
  }
  return {low.value_or(INT64_MIN), high.value_or(INT64_MAX)};
}

}  // namespace

Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  return call<Where>({.condition = condition, .a = a, .b = b});
}
Tensor where(const Tensor& condition, const Tensor& a, Scalar b) { return where(condition, a, choice("b", b, "a", a)); }
Tensor where(const Tensor& condition, Scalar a, const Tensor& b) { return where(condition, choice("a", a, "b", b), b); }
Tensor where(const Tensor& condition, Scalar a, Scalar b) {
  check_holds("where", "a", a, a.dtype());
  check_holds("where", "b", b, b.dtype());
  return where(condition, wrap_number(a), wrap_number(b));
}
Tensor masked_fill(const Tensor& a, const Tensor& mask, Scalar value) {
  check_holds("masked_fill", "value", value, "a", a);
  return call<MaskedFill>({.a = a, .mask = mask, .value = value});
}
Tensor clamp(const Tensor& a, std::optional<Scalar> low, std::optional<Scalar> high) {
  check_defined("clamp", "a", a);
  const bool real = is_floating(a.dtype()) || (low && low->is_floating()) || (high && high->is_floating());
  const Tensor input = real && !is_floating(a.dtype()) ? a.to(default_dtype()) : a;
  const auto [from, to] = bounds_for("clamp", input.dtype(), low, high);
  return call<Clamp>({.a = input, .low = from, .high = to});
}
Tensor maximum(const Tensor& a, const Tensor& b) { return call<Maximum>({a, b}); }
Tensor minimum(const Tensor& a, const Tensor& b) { return call<Minimum>({a, b}); }

Tensor& Tensor::clamp_(std::optional<Scalar> low, std::optional<Scalar> high) {
  check_defined("clamp_", "tensor", *this);
  const auto [from, to] = bounds_for("clamp_", dtype(), low, high);
  return call_inplace<Clamp>({.a = *this, .low = from, .high = to}, *this);
}
Tensor& Tensor::masked_fill_(const Tensor& mask, Scalar value) {
  check_holds("masked_fill_", "value", value, "tensor", *this);
  return call_inplace<MaskedFill>({.a = *this, .mask = mask, .value = value}, *this);
}

}  // namespace farro
