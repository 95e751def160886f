// SPDX-License-Identifier: Apache-2.0
// var, norm and logsumexp as ops. Gradients are compositions of public ops, so they can be differentiated again.
#include <farro/kernels/reduce/moments.op.h>

#include <farro/autograd/call/call.h>
#include <farro/core/tensor/number.h>
#include <farro/kernels/pointwise/choose.h>
#include <farro/kernels/pointwise/compare.h>
#include <farro/kernels/pointwise/power.h>
#include <farro/kernels/pointwise/unary.h>
#include <farro/kernels/pointwise/widen.h>
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
Grads Var::backward(const Back<Var>& b) {
  const ReducedFrom from(info.name, b.args.input, b.args.dims);
  const Tensor input = widened(b.args.input);
  const double divisor = static_cast<double>(from.count() - b.args.unbiased);
  // d var / d x = 2 (x - mean) / divisor. The mean's own derivative drops out, as the differences sum to 0.
  const Tensor center = from.keep(mean(input, from.dims()));
  return {from.keep(b.grad[0]) * (2 / divisor) * (input - center)};
}

TensorSpec Norm::infer(const Args& args) { return floating_spec(info.name, args.input, args.dims, args.keepdim); }
Grads Norm::backward(const Back<Norm>& b) {
  const ReducedFrom from(info.name, b.args.input, b.args.dims);
  const Tensor input = widened(b.args.input), grad = from.keep(b.grad[0]);
  if (b.args.p == 1) {
    const Tensor x = input.detach();
    return {where(x > 0, grad, where(x < 0, -grad, x * 0))};  // 0 at 0 whatever the gradient; NaN where x is
  }
  // d/dx = sign(x) (|x| / norm)^(p-1), 0 where that is 0/0. The ratio is at most 1; powers of x or of the norm could
  // overflow, and meet 0.
  const Tensor out = widened(from.keep(b.out[0]));
  const Tensor ratio = input / masked_fill(out, out == 0, 1);
  if (b.args.p == 2) return {grad * ratio};
  const Tensor size = abs(masked_fill(ratio, input == 0, 1));  // 1: a power of 0 has no gradient
  return {grad * masked_fill(pow(size, b.args.p - 1) * sign(input), input == 0, 0)};
}

TensorSpec LogSumExp::infer(const Args& args) { return floating_spec(info.name, args.input, args.dims, args.keepdim); }
Grads LogSumExp::backward(const Back<LogSumExp>& b) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const ReducedFrom from(info.name, b.args.input, b.args.dims);
  const Tensor input = widened(b.args.input);
  // A result that was rounded to a half type is too coarse for an exponent.
  const bool rounded = is_half(b.args.input.dtype());
  const Tensor out = rounded ? logsumexp(input, from.dims(), true) : from.keep(b.out[0]);
  // All of them -infinity: their part is 0, not NaN.
  const Tensor part = exp(input - masked_fill(out, out == -infinity, 0));
  // What is +infinity shares the whole gradient.
  const Tensor top = input == infinity;
  const Tensor ties = sum(top, from.dims(), true);
  return {from.keep(b.grad[0]) * (masked_fill(part, top, 1) / masked_fill(ties, ties == 0, 1))};
}

void register_moments();
void register_moments() { register_ops<Var, Norm, LogSumExp>(); }

Tensor var(const Tensor& input, const Dims& dims, bool unbiased, bool keepdim) {
  return call<Var>({.input = input, .dims = dims, .unbiased = unbiased, .keepdim = keepdim});
}
Tensor norm(const Tensor& input, double p, const Dims& dims, bool keepdim) {
  check_defined("norm", "input", input);
  const double infinity = std::numeric_limits<double>::infinity();
  FARRO_CHECK(p >= 0 || p == -infinity, ValueError, "norm: p must be -infinity or at least 0, got ", p);
  const TensorSpec spec = floating_spec("norm", input, dims, keepdim);  // also for the forms below
  if (std::isinf(p))
    FARRO_CHECK(reduced_count(input.sizes(), reduced_dims("norm", input, dims)) > 0, ShapeError,
                "norm: input must have elements to choose from, got ", input, " with p ", p);
  if (p == infinity) return amax(abs(input), dims, keepdim);
  if (p == -infinity) return amin(abs(input), dims, keepdim);
  if (p == 0) return sum((input != 0).to(spec.dtype), dims, keepdim);
  return call<Norm>({.input = input, .p = p, .dims = dims, .keepdim = keepdim});
}
Tensor logsumexp(const Tensor& input, const Dims& dims, bool keepdim) {
  return call<LogSumExp>({.input = input, .dims = dims, .keepdim = keepdim});
}

}  // namespace farro
