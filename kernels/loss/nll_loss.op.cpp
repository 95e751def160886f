#include <farro/kernels/loss/nll_loss.op.h>

#include <farro/autograd/call/call.h>
#include <farro/core/tensor/number.h>
#include <farro/kernels/loss/targets.h>

namespace farro {

namespace {
SavedTensor saved_weight(const Tensor& weight) { return weight.defined() ? SavedTensor(weight) : SavedTensor(); }
}  // namespace

std::array<TensorSpec, 2> NllLoss::infer(const Args& args) {
  check_class_shapes(info.name, "log_probs", args.log_probs, args.target, args.weight);
  const DType statistics = args.log_probs.dtype() == DType::f64 ? DType::f64 : DType::f32;
  return {TensorSpec(loss_sizes(args.reduction, args.log_probs.sizes()[0]), args.log_probs),
          TensorSpec({}, statistics, args.log_probs.device())};
}
NllLoss::Saved NllLoss::save(const Args& args, const Outputs<NllLoss>& out, Need) {
  return {SavedTensor(args.target),    saved_weight(args.weight), SavedTensor::output(out[1], 1),
          args.log_probs.sizes()[1], args.reduction,            args.ignore_index};
}
Grads NllLoss::backward(const Saved& saved, const Grads& grads, Need) {
  Grads out(3);
  out[0] = call<NllLossBackward>({grads[0], saved.target.get(), saved.total.get().detach(), saved.weight.get(),
                                  saved.classes, saved.reduction, saved.ignore_index});
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
NllLossBackward::Saved NllLossBackward::save(const Args& args, const Outputs<NllLossBackward>&, Need) {
  return {SavedTensor(args.target), saved_weight(args.weight), args.reduction, args.ignore_index};
}
Grads NllLossBackward::backward(const Saved& saved, const Grads& grads, Need) {
  // The op is linear in grad, and nll_loss is its transpose.
  Grads out(4);
  out[0] = call<NllLoss>({grads[0], saved.target.get(), saved.weight.get(), saved.reduction, saved.ignore_index})[0];
  return out;
}
Cost NllLossBackward::cost(const Args& args) {
  const double rows = static_cast<double>(args.target.numel());
  return {2 * rows, rows * static_cast<double>(args.classes) * static_cast<double>(item_size(args.grad.dtype()))};
}

void register_nll_loss_kernels();  // nll_loss.cpp
void register_nll_loss();
void register_nll_loss() {
  register_op<NllLoss>();
  register_op<NllLossBackward>();
  register_nll_loss_kernels();
}

Tensor nll_loss(const Tensor& log_probs, const Tensor& target, const NllLossOptions& options) {
  check_defined("nll_loss", "log_probs", log_probs);
  check_defined("nll_loss", "target", target);
  const ClassRows rows = class_rows("nll_loss", "log_probs", log_probs, target);
  const Tensor weight = options.weight.defined() ? options.weight.detach() : Tensor();
  const Tensor loss = call<NllLoss>({rows.scores, rows.target, weight, options.reduction, options.ignore_index})[0];
  return options.reduction == Reduction::none && !rows.target.is_same(target) ? loss.reshape(target.sizes()) : loss;
}

}  // namespace farro
