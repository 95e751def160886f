// SPDX-License-Identifier: Apache-2.0
// softmax and log_softmax as ops. The gradients are ops of the output alone; their second derivatives are formulas of
// public ops.
#include <farro/kernels/softmax/softmax.op.h>

#include <farro/autograd/call/call.h>
#include <farro/core/tensor/number.h>
#include <farro/kernels/pointwise/arithmetic.h>
#include <farro/kernels/pointwise/widen.h>
#include <farro/kernels/softmax/softmax.h>

namespace farro {

namespace {

TensorSpec floating_spec(const char* op, const Tensor& x) {
  FARRO_CHECK(is_floating(x.dtype()), DTypeError, op, ": x must be floating, got ", x.dtype(), " (x: ", x, ")");
  return TensorSpec(x.sizes(), x);
}

TensorSpec backward_spec(const char* op, const Tensor& grad, const Tensor& output) {
  FARRO_CHECK(grad.sizes() == output.sizes() && grad.dtype() == output.dtype(), ShapeError, op,
              ": grad must have output's shape and dtype, got ", grad, " (output: ", output, ")");
  return TensorSpec(output.sizes(), output);
}

Cost cost_of(const Tensor& x, int reads, double flops) {
  return {flops * static_cast<double>(x.numel()), (reads + 1.0) * static_cast<double>(x.nbytes())};
}

// A tensor without dimensions has one slice of one element.
Tensor sum_over(const Tensor& t, int64_t dim) { return t.dim() ? t.sum({dim}, /*keepdim=*/true) : t; }

}  // namespace

TensorSpec Softmax::infer(const Args& args) { return floating_spec(info.name, args.x); }
Grads Softmax::backward(const Back<Softmax>& b) {
  return {call<SoftmaxBackward>({.grad = b.grad[0], .output = b.out[0], .dim = b.args.dim})};
}
Cost Softmax::cost(const Args& args) { return cost_of(args.x, 1, 5); }

TensorSpec SoftmaxBackward::infer(const Args& args) { return backward_spec(info.name, args.grad, args.output); }
Grads SoftmaxBackward::backward(const Back<SoftmaxBackward>& b) {
  const Tensor g = widened(b.args.grad), y = widened(b.args.output), gg = widened(b.grad[0]);
  Grads out(2);
  // B(g, y) = y (g - sum(g y)): linear and self-adjoint in g; with respect to y, the cotangent c gives c (g - sum(g y))
  // - g sum(c y).
  if (b.need[0]) out[0] = call<SoftmaxBackward>({.grad = gg, .output = y, .dim = b.args.dim});
  if (b.need[1]) out[1] = gg * (g - sum_over(g * y, b.args.dim)) - g * sum_over(gg * y, b.args.dim);
  return out;
}
Cost SoftmaxBackward::cost(const Args& args) { return cost_of(args.grad, 2, 4); }

TensorSpec LogSoftmax::infer(const Args& args) { return floating_spec(info.name, args.x); }
Grads LogSoftmax::backward(const Back<LogSoftmax>& b) {
  return {call<LogSoftmaxBackward>({b.grad[0], b.out[0], b.args.dim})};
}
Cost LogSoftmax::cost(const Args& args) { return cost_of(args.x, 1, 5); }

TensorSpec LogSoftmaxBackward::infer(const Args& args) { return backward_spec(info.name, args.grad, args.output); }
Grads LogSoftmaxBackward::backward(const Back<LogSoftmaxBackward>& b) {
  const Tensor p = widened(b.args.output).exp(), gg = widened(b.grad[0]);
  Grads out(2);
  // B(g, y) = g - exp(y) sum(g).
  if (b.need[0]) out[0] = gg - sum_over(gg * p, b.args.dim);
  if (b.need[1]) out[1] = -(gg * p * sum_over(widened(b.args.grad), b.args.dim));
  return out;
}
Cost LogSoftmaxBackward::cost(const Args& args) { return cost_of(args.grad, 2, 4); }

void register_softmax();
void register_softmax() { register_ops<Softmax, SoftmaxBackward, LogSoftmax, LogSoftmaxBackward>(); }

Tensor softmax(const Tensor& x, int64_t dim) {
  check_defined("softmax", "x", x);
  return call<Softmax>({x, normalize_dim("softmax", dim, x.dim())});
}
Tensor log_softmax(const Tensor& x, int64_t dim) {
  check_defined("log_softmax", "x", x);
  return call<LogSoftmax>({x, normalize_dim("log_softmax", dim, x.dim())});
}

}  // namespace farro
