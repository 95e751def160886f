// SPDX-License-Identifier: Apache-2.0
// nll_loss and its gradient as ops. Each is linear and the transpose of the other.
#include <farro/kernels/loss/nll_loss.h>
#include <farro/kernels/loss/nll_loss.op.h>

#include <farro/autograd/call/call.h>
#include <farro/core/tensor/number.h>
#include <farro/kernels/loss/targets.h>

namespace farro {

namespace {}  // namespace

std::array<TensorSpec, 2> NllLoss::infer(const Args& args) {
  check_class_shapes(info.name, "log_probs", args.log_probs, args.target, args.weight);
  const DType statistics = args.log_probs.dtype() == DType::f64 ? DType::f64 : DType::f32;
  return {TensorSpec(loss_sizes(args.reduction, args.log_probs.sizes()[0]), args.log_probs),
          TensorSpec({}, statistics, args.log_probs.device())};
}
Grads NllLoss::backward(const Back<NllLoss>& b) {
  Grads out(3);
  out[0] = call<NllLossBackward>({.grad = b.grad[0],
                                  .target = b.args.target,
                                  .total = b.out[1].detach(),
                                  .weight = b.args.weight,
                                  .classes = b.args.log_probs.sizes()[1],
                                  .reduction = b.args.reduction,
                                  .ignore_index = b.args.ignore_index});
  return out;
}
Cost NllLoss::cost(const Args& args) {
  const double rows = static_cast<double>(args.target.numel());
  return {2 * rows, rows * static_cast<double>(sizeof(int64_t) + 2 * item_size(args.log_probs.dtype()))};
}

TensorSpec NllLossBackward::infer(const Args& args) {
  const Shape sizes = loss_sizes(args.reduction, args.target.numel());
  FARRO_CHECK(args.grad.sizes() == sizes, ShapeError, "nll_loss_backward: grad must have the loss's shape ", sizes,
              ", got ", args.grad);
  return TensorSpec({args.target.numel(), args.classes}, args.grad);
}
Grads NllLossBackward::backward(const Back<NllLossBackward>& b) {
  // The op is linear in grad, and nll_loss is its transpose.
  Grads out(4);
  out[0] = call<NllLoss>({.log_probs = b.grad[0],
                          .target = b.args.target,
                          .weight = b.args.weight,
                          .reduction = b.args.reduction,
                          .ignore_index = b.args.ignore_index})[0];
  return out;
}
Cost NllLossBackward::cost(const Args& args) {
  const double rows = static_cast<double>(args.target.numel());
  return {2 * rows, rows * static_cast<double>(args.classes) * static_cast<double>(item_size(args.grad.dtype()))};
}

void register_nll_loss();
void register_nll_loss() { register_ops<NllLoss, NllLossBackward>(); }

Tensor nll_loss(const Tensor& log_probs, const Tensor& target, const NllLossOptions& options) {
  check_defined("nll_loss", "log_probs", log_probs);
  check_defined("nll_loss", "target", target);
  const ClassRows rows = class_rows("nll_loss", "log_probs", log_probs, target);
  const Tensor weight = options.weight.defined() ? options.weight.detach() : Tensor();
  const Tensor loss = call<NllLoss>({.log_probs = rows.scores,
                                     .target = rows.target,
                                     .weight = weight,
                                     .reduction = options.reduction,
                                     .ignore_index = options.ignore_index})[0];
  return options.reduction == Reduction::none && !rows.target.is_same(target) ? loss.reshape(target.sizes()) : loss;
}

}  // namespace farro
