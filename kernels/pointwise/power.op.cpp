#include <farro/kernels/pointwise/power.op.h>

#include <farro/autograd/call/call.h>
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
Grads PowScalar::backward(const Back<PowScalar>& b) {
  const double exponent = b.args.exponent.to_double();
  if (exponent == 0) return {zeros_like(b.grad[0])};
  return {b.grad[0] * (pow(b.args.base, exponent - 1) * exponent)};
}

Grads Pow::backward(const Back<Pow>& b) {
  const Tensor base = b.args.base, exponent = b.args.exponent;
  Tensor of_base, of_exponent;
  if (b.need[0]) of_base = b.grad[0] * masked_fill(exponent * pow(base, exponent - 1), exponent == 0, 0);
  if (b.need[1]) {
    const Tensor rate = b.out[0] * log(base);
    of_exponent = b.grad[0] * masked_fill(rate, logical_and(base == 0, exponent >= 0), 0);
  }
  return {of_base, of_exponent};
}
Cost Pow::cost(const Args& args) {
  const Tensor inputs[] = {args.base, args.exponent};
  return pointwise_cost(kKind, inputs, 1);
}

void register_power();
void register_power() {
  register_ops<PowScalar, Pow>();
}

Tensor pow(const Tensor& base, Scalar exponent) {
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
  return call<PowScalar>({input, exponent});
}
Tensor pow(const Tensor& base, const Tensor& exponent) { return call<Pow>({base, exponent}); }
Tensor pow(Scalar base, const Tensor& exponent) { return call<Pow>({wrap_number(base, exponent), exponent}); }

Tensor Tensor::pow(Scalar exponent) const { return farro::pow(*this, exponent); }

}  // namespace farro
