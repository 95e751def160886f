#include <farro/kernels/pointwise/power.op.h>

#include <farro/autograd/call/call.h>
#include <farro/core/tensor/number.h>
#include <farro/kernels/pointwise/compare.h>
#include <farro/kernels/pointwise/factories.h>
#include <farro/kernels/pointwise/power.h>
#include <farro/kernels/pointwise/select.h>
#include <farro/kernels/pointwise/unary.h>

namespace farro {

TensorSpec PowScalar::infer(const Args& args) {
  FARRO_CHECK(is_floating(args.base.dtype()) || args.exponent.to_int() >= 0, ValueError,
              "pow: exponent must not be negative for integers, got ", args.exponent, " (base: ", args.base, ")");
  return pointwise_spec("pow", kKind, args.base);
}
Grads PowScalar::backward(const Saved& saved, const Grads& grads, Need) {
  const double exponent = saved.exponent.to_double();
  if (exponent == 0) return {zeros_like(grads[0])};
  return {grads[0] * (pow(saved.base.get(), exponent - 1) * exponent)};
}

Grads Pow::backward(const Saved& saved, const Grads& grads, Need need) {
  const Tensor base = saved.base.get(), exponent = saved.exponent.get();
  Tensor of_base, of_exponent;
  if (need[0]) of_base = grads[0] * masked_fill(exponent * pow(base, exponent - 1), exponent == 0, 0);
  if (need[1]) {
    const Tensor rate = saved.out.get() * log(base);
    of_exponent = grads[0] * masked_fill(rate, logical_and(base == 0, exponent >= 0), 0);
  }
  return {of_base, of_exponent};
}
Cost Pow::cost(const Args& args) {
  const Tensor inputs[] = {args.base, args.exponent};
  return pointwise_cost(kKind, inputs, 1);
}

void register_power();
void register_power() {
  register_op<PowScalar>();
  register_op<Pow>();
}

Tensor pow(const Tensor& base, Scalar exponent) {
  check_defined("pow", "base", base);
  const bool to_real = exponent.is_floating() && !is_floating(base.dtype());
  const Tensor input = to_real ? base.to(default_dtype()) : base;
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
Tensor pow(Scalar base, const Tensor& exponent) { return call<Pow>({operand("pow", "base", base, "exponent", exponent), exponent}); }

Tensor Tensor::pow(Scalar exponent) const { return farro::pow(*this, exponent); }

}  // namespace farro
