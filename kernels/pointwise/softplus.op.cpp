// SPDX-License-Identifier: Apache-2.0
// softplus and its gradient as ops.
#include <farro/kernels/pointwise/softplus.op.h>

#include <farro/autograd/call/call.h>
#include <farro/kernels/pointwise/activation.h>
#include <farro/kernels/pointwise/choose.h>
#include <farro/kernels/pointwise/softplus.h>

#include <cmath>

namespace farro {

TensorSpec Softplus::infer(const Args& args) { return pointwise_spec(info.name, kKind, args.x); }
Grads Softplus::backward(const Back<Softplus>& b) {
  return {softplus_backward(b.grad[0], b.args.x, b.args.beta, b.args.threshold)};
}
Cost Softplus::cost(const Args& args) { return pointwise_cost(kKind, {&args.x, 1}, 6); }

TensorSpec SoftplusBackward::infer(const Args& args) { return pointwise_spec(info.name, kKind, args.grad, args.x); }
Grads SoftplusBackward::backward(const Back<SoftplusBackward>& b) {
  const Tensor x = b.args.x;
  Grads result(2);
  if (b.need[0]) result[0] = softplus_backward(b.grad[0], x, b.args.beta, b.args.threshold);
  if (b.need[1]) {
    // Half types are widened, as in the kernels: a rounded beta * x could lie on the other side of the threshold.
    const Tensor z = x.to(compute_type(x.dtype())) * b.args.beta;
    // sigmoid(z) * (1 - sigmoid(z)) without its cancellation.
    const Tensor curvature = where(z > b.args.threshold, 0.0, sigmoid(z) * sigmoid(-z) * b.args.beta);
    result[1] = curvature * b.args.grad * b.grad[0];  // in this order: the product of the gradients may overflow
  }
  return result;
}
Cost SoftplusBackward::cost(const Args& args) {
  const Tensor inputs[] = {args.grad, args.x};
  return pointwise_cost(kKind, inputs, 6);
}

void register_softplus();
void register_softplus() { register_ops<Softplus, SoftplusBackward>(); }

Tensor softplus(const Tensor& x, double beta, double threshold) {
  FARRO_CHECK(std::isfinite(beta) && beta != 0, ValueError, "softplus: beta must be finite and not 0, got ", beta);
  FARRO_CHECK(!std::isnan(threshold), ValueError, "softplus: threshold must be a number, got ", threshold);
  return call<Softplus>({.x = x, .beta = beta, .threshold = threshold});
}
Tensor softplus_backward(const Tensor& grad, const Tensor& x, double beta, double threshold) {
  return call<SoftplusBackward>({.grad = grad, .x = x, .beta = beta, .threshold = threshold});
}

}  // namespace farro
