#include <farro/kernels/pointwise/softplus.op.h>

#include <farro/autograd/call/call.h>
#include <farro/kernels/pointwise/activation.h>
#include <farro/kernels/pointwise/select.h>
#include <farro/kernels/pointwise/softplus.h>

#include <cmath>

namespace farro {

TensorSpec Softplus::infer(const Args& args) { return pointwise_spec(info.name, kKind, args.x); }
Softplus::Saved Softplus::save(const Args& args, const Outputs<Softplus>&, Need) {
  return {SavedTensor(args.x), args.beta, args.threshold};
}
Grads Softplus::backward(const Saved& saved, const Grads& grads, Need) {
  return {softplus_backward(grads[0], saved.x.get(), saved.beta, saved.threshold)};
}
Cost Softplus::cost(const Args& args) { return pointwise_cost(kKind, {&args.x, 1}, 6); }

TensorSpec SoftplusBackward::infer(const Args& args) { return pointwise_spec(info.name, kKind, args.grad, args.x); }
SoftplusBackward::Saved SoftplusBackward::save(const Args& args, const Outputs<SoftplusBackward>&, Need need) {
  return {need[1] ? SavedTensor(args.grad) : SavedTensor(), SavedTensor(args.x), args.beta, args.threshold};
}
Grads SoftplusBackward::backward(const Saved& saved, const Grads& grads, Need need) {
  const Tensor x = saved.x.get();
  Grads result(2);
  if (need[0]) result[0] = softplus_backward(grads[0], x, saved.beta, saved.threshold);
  if (need[1]) {
    // Half types are widened, as in the kernels: a rounded beta * x could lie on the other side of the threshold.
    const Tensor z = x.to(compute_type(x.dtype())) * saved.beta;
    // sigmoid(z) * (1 - sigmoid(z)) without its cancellation.
    const Tensor curvature = where(z > saved.threshold, 0.0, sigmoid(z) * sigmoid(-z) * saved.beta);
    result[1] = curvature * saved.grad.get() * grads[0];  // in this order: the product of the gradients may overflow
  }
  return result;
}
Cost SoftplusBackward::cost(const Args& args) {
  const Tensor inputs[] = {args.grad, args.x};
  return pointwise_cost(kKind, inputs, 6);
}

void register_softplus();
void register_softplus() {
  register_op<Softplus>();
  register_op<SoftplusBackward>();
}

Tensor softplus(const Tensor& x, double beta, double threshold) {
  FARRO_CHECK(std::isfinite(beta) && beta != 0, ValueError, "softplus: beta must be finite and not 0, got ", beta);
  FARRO_CHECK(!std::isnan(threshold), ValueError, "softplus: threshold must be a number, got ", threshold);
  return call<Softplus>({x, beta, threshold});
}
Tensor softplus_backward(const Tensor& grad, const Tensor& x, double beta, double threshold) {
  return call<SoftplusBackward>({grad, x, beta, threshold});
}

}  // namespace farro
