// SPDX-License-Identifier: Apache-2.0
// pow as two ops, of a tensor and a number and of two tensors.
#include <farro/kernels/pointwise/power.op.h>

#include <farro/autograd/call/call.h>
#include <farro/core/tensor/number.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/pointwise/choose.h>
#include <farro/kernels/pointwise/compare.h>
#include <farro/kernels/pointwise/power.h>
#include <farro/kernels/pointwise/unary.h>
#include <farro/kernels/pointwise/widen.h>

namespace farro {

TensorSpec PowScalar::infer(const Args& args) {
  FARRO_CHECK(is_floating(args.base.dtype()) || args.exponent.to_int() >= 0, ValueError,
              "pow: exponent must not be negative for integers, got ", args.exponent, " (base: ", args.base, ")");
  return pointwise_spec("pow", kKind, args.base);
}
Grads PowScalar::backward(const Back<PowScalar>& b) {
  const double exponent = b.args.exponent.to_double();
  if (exponent == 0) return {zeros_like(b.grad[0])};
  // d/dx x^n = n x^(n-1); for n = 0 it is 0 also at x = 0, where the power would be infinite.
  return {b.grad[0] * (pow(widened(b.args.base), exponent - 1) * exponent)};
}

Grads Pow::backward(const Back<Pow>& b) {
  const Tensor base = widened(b.args.base), exponent = widened(b.args.exponent);
  Tensor of_base, of_exponent;
  if (b.need[0]) {
    // A power that vanishes outweighs an infinite exponent.
    const Tensor power = pow(base, exponent - 1);
    of_base = b.grad[0] * masked_fill(exponent * power, logical_or(exponent == 0, power == 0), 0);
  }
  if (b.need[1]) {
    // A power that vanishes outweighs the logarithm, be it of 0 or of infinity.
    const Tensor out = b.out[0], at_zero = logical_and(base == 0, exponent >= 0);
    const Tensor vanishes = logical_and(out == 0, base > 0);
    of_exponent = b.grad[0] * masked_fill(out * log(base), logical_or(at_zero, vanishes), 0);
  }
  return {of_base, of_exponent};
}
Cost Pow::cost(const Args& args) {
  const Tensor inputs[] = {args.base, args.exponent};
  return pointwise_cost(kKind, inputs, 1);
}

void register_power();
void register_power() { register_ops<PowScalar, Pow>(); }

Tensor pow(const Tensor& base, Scalar exponent) {
  check_defined("pow", "base", base);
  // The dtype that the form of two tensors gives.
  const bool to_real = exponent.is_floating() && !is_floating(base.dtype());
  const bool to_int = base.dtype() == DType::boolean && !to_real && !exponent.is_bool();
  const Tensor input = to_real ? base.to(default_dtype()) : to_int ? base.to(DType::i64) : base;
  // Powers with a loop of their own; the results are at least as accurate.
  const double e = exponent.to_double();
  if (e == 2) return square(input);
  if (is_floating(input.dtype())) {
    if (e == 0.5) return sqrt(input);
    if (e == -0.5) return rsqrt(input);
    if (e == -1) return reciprocal(input);
  }
  if (is_floating(input.dtype())) check_holds("pow", "exponent", exponent, compute_type(input.dtype()));
  return call<PowScalar>({input, exponent});
}
Tensor pow(const Tensor& base, const Tensor& exponent) { return call<Pow>({base, exponent}); }
Tensor pow(Scalar base, const Tensor& exponent) {
  return call<Pow>({operand("pow", "base", base, "exponent", exponent), exponent});
}

Tensor Tensor::pow(Scalar exponent) const { return farro::pow(*this, exponent); }

}  // namespace farro
