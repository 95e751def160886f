#include <farro/kernels/reduce/moments.op.h>

#include <farro/autograd/call/call.h>
#include <farro/core/tensor/number.h>
#include <farro/kernels/pointwise/compare.h>
#include <farro/kernels/pointwise/power.h>
#include <farro/kernels/pointwise/select.h>
#include <farro/kernels/pointwise/unary.h>
#include <farro/kernels/reduce/extremum.h>
#include <farro/kernels/reduce/moments.h>
#include <farro/kernels/reduce/sum.h>

#include <cmath>
#include <limits>

namespace farro {

namespace {

TensorSpec floating_spec(const char* op, const Tensor& input, const Dims& dims, bool keepdim) {
  FARRO_CHECK(is_floating(input.dtype()), DTypeError, op, ": input must be floating, got ", input.dtype(),
              " (input: ", input, ")");
  return reduce_spec(op, input, dims, keepdim, input.dtype());
}

}  // namespace

TensorSpec Var::infer(const Args& args) { return floating_spec(info.name, args.input, args.dims, args.keepdim); }
Grads Var::backward(const Saved& saved, const Grads& grads, Need) {
  const ReducedFrom& from = saved.from;
  const Tensor input = saved.input.get();
  const double divisor = static_cast<double>(from.count() - saved.unbiased);
  const Tensor center = from.keep(mean(input, from.dims()));
  return {from.keep(grads[0]) * (2 / divisor) * (input - center)};
}

TensorSpec Norm::infer(const Args& args) { return floating_spec(info.name, args.input, args.dims, args.keepdim); }
Grads Norm::backward(const Saved& saved, const Grads& grads, Need) {
  const Tensor input = saved.input.get(), grad = saved.from.keep(grads[0]);
  if (saved.p == 1) return {grad * sign(input)};
  // d/dx = x |x|^(p-2) / norm^(p-1), 0 where that is 0/0.
  const Tensor out = saved.from.keep(saved.out.get());
  if (saved.p == 2) return {input * masked_fill(grad / out, out == 0, 0)};
  const Tensor scaled = masked_fill(grad / pow(out, saved.p - 1), out == 0, 0);
  return {scaled * masked_fill(input * pow(abs(input), saved.p - 2), input == 0, 0)};
}

TensorSpec LogSumExp::infer(const Args& args) { return floating_spec(info.name, args.input, args.dims, args.keepdim); }
Grads LogSumExp::backward(const Saved& saved, const Grads& grads, Need) {
  const Tensor out = saved.from.keep(saved.out.get());
  // All of them -infinity: their part is 0, not NaN.
  const Tensor shift = masked_fill(out, out == -std::numeric_limits<double>::infinity(), 0);
  return {saved.from.keep(grads[0]) * exp(saved.input.get() - shift)};
}

void register_moments();
void register_moments() {
  register_op<Var>();
  register_op<Norm>();
  register_op<LogSumExp>();
}

Tensor var(const Tensor& input, const Dims& dims, bool unbiased, bool keepdim) {
  return call<Var>({input, dims, unbiased, keepdim});
}
Tensor norm(const Tensor& input, double p, const Dims& dims, bool keepdim) {
  check_defined("norm", "input", input);
  const double infinity = std::numeric_limits<double>::infinity();
  FARRO_CHECK(p >= 0 || p == -infinity, ValueError, "norm: p must be -infinity or at least 0, got ", p);
  const TensorSpec spec = floating_spec("norm", input, dims, keepdim);
  if (std::isinf(p))
    FARRO_CHECK(reduced_count(input.sizes(), reduced_dims("norm", input, dims)) > 0, ShapeError,
                "norm: input must have elements to choose from, got ", input, " with p ", p);
  if (p == infinity) return amax(abs(input), dims, keepdim);
  if (p == -infinity) return amin(abs(input), dims, keepdim);
  if (p == 0) return sum((input != 0).to(spec.dtype), dims, keepdim);
  return call<Norm>({input, p, dims, keepdim});
}
Tensor logsumexp(const Tensor& input, const Dims& dims, bool keepdim) {
  return call<LogSumExp>({input, dims, keepdim});
}

}  // namespace farro
