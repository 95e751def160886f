// SPDX-License-Identifier: Apache-2.0
// cross_entropy as a fused op of class indices, and as a composition for class probabilities. The ops' second
// derivative treats the kept statistics as functions of the logits, though they come as inputs.
#include <farro/kernels/loss/cross_entropy.h>
#include <farro/kernels/loss/cross_entropy.op.h>

#include <farro/autograd/call/call.h>
#include <farro/core/tensor/number.h>
#include <farro/kernels/loss/targets.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/pointwise/arithmetic.h>
#include <farro/kernels/pointwise/choose.h>
#include <farro/kernels/pointwise/compare.h>
#include <farro/kernels/pointwise/widen.h>
#include <farro/kernels/softmax/softmax.h>
#include <farro/kernels/softmax/softmax.op.h>

#include <limits>

namespace farro {

namespace {

// Statistics of half types are kept in f32.
TensorSpec statistics_spec(const Shape& sizes, const Tensor& x) {
  return TensorSpec(sizes, x.dtype() == DType::f64 ? DType::f64 : DType::f32, x.device());
}

// `passes` over the logits; target, loss, the statistics and what they are weighted by once.
Cost cost_of(const Tensor& logits, Reduction reduction, const Tensor& weight, int passes, double flops) {
  const double rows = static_cast<double>(logits.sizes()[0]);
  const double losses = reduction == Reduction::none ? rows : 1;
  const double statistics = (2 * rows + 1) * static_cast<double>(item_size(statistics_spec({}, logits).dtype));
  return {flops * static_cast<double>(logits.numel()),
          passes * static_cast<double>(logits.nbytes()) + rows * sizeof(int64_t) + statistics +
              losses * static_cast<double>(item_size(logits.dtype())) +
              (weight.defined() ? static_cast<double>(weight.nbytes()) : 0)};
}

void check_smoothing(double label_smoothing) {
  FARRO_CHECK(label_smoothing >= 0 && label_smoothing <= 1, ValueError,
              "cross_entropy: label_smoothing must be in [0, 1], got ", label_smoothing);
}

// Cross entropy with class probabilities, of public ops.
Tensor cross_entropy_of_probabilities(const Tensor& logits, const Tensor& target, const CrossEntropyOptions& options) {
  FARRO_CHECK(target.sizes() == logits.sizes() && target.dtype() == logits.dtype(), ShapeError,
              "cross_entropy: target must be class indices (i64) or have the logits' shape and dtype, got ", target,
              " (logits: ", logits, ")");
  FARRO_CHECK(logits.dim() >= 1, ShapeError, "cross_entropy: logits must have a dimension of classes, got ", logits);
  check_smoothing(options.label_smoothing);
  const int dim = logits.dim() == 1 ? 0 : 1;
  const int64_t classes = logits.sizes()[dim];
  check_class_weight("cross_entropy", options.weight, classes, logits.dtype());
  const double smoothing = options.label_smoothing;
  // target * (1 - s) + s / classes: Szegedy et al. 2016, section 7.
  Tensor wanted = widened(target);
  if (smoothing > 0) wanted = wanted * (1 - smoothing) + smoothing / static_cast<double>(classes);
  if (options.weight.defined()) {
    Shape sizes = Shape::filled(logits.dim(), 1);
    sizes[dim] = classes;
    wanted = wanted * options.weight.detach().reshape(sizes);
  }
  // A class of logit -infinity that is not asked for adds nothing.
  const Tensor log_probs = log_softmax(widened(logits), dim);
  const Tensor nothing = logical_and(wanted == 0, log_probs == -std::numeric_limits<double>::infinity());
  Tensor loss = -(wanted * masked_fill(log_probs, nothing, 0)).sum({dim});
  if (options.reduction != Reduction::none) loss = options.reduction == Reduction::sum ? loss.sum() : loss.mean();
  return loss.to(logits.dtype());
}

}  // namespace

std::array<TensorSpec, 4> CrossEntropy::infer(const Args& args) {
  check_class_shapes(info.name, "logits", args.logits, args.target, args.weight);
  check_smoothing(args.label_smoothing);
  const int64_t rows = args.logits.sizes()[0];
  return {TensorSpec(loss_sizes(args.reduction, rows), args.logits), statistics_spec({rows}, args.logits),
          statistics_spec({rows}, args.logits), statistics_spec({}, args.logits)};
}
Grads CrossEntropy::backward(const Back<CrossEntropy>& b) {
  Grads out(3);
  // The statistics are constants of the backward op, which accounts for them itself.
  out[0] = call<CrossEntropyBackward>({.grad = b.grad[0],
                                       .logits = b.args.logits,
                                       .target = b.args.target,
                                       .peak = b.out[1].detach(),
                                       .log_sum = b.out[2].detach(),
                                       .total = b.out[3].detach(),
                                       .weight = b.args.weight,
                                       .reduction = b.args.reduction,
                                       .ignore_index = b.args.ignore_index,
                                       .label_smoothing = b.args.label_smoothing});
  return out;
}
Cost CrossEntropy::cost(const Args& args) { return cost_of(args.logits, args.reduction, args.weight, 1, 4); }

TensorSpec CrossEntropyBackward::infer(const Args& args) {
  check_class_shapes(info.name, "logits", args.logits, args.target, args.weight);
  const Shape sizes = loss_sizes(args.reduction, args.logits.sizes()[0]);
  FARRO_CHECK(args.grad.sizes() == sizes && args.grad.dtype() == args.logits.dtype(), ShapeError,
              "cross_entropy_backward: grad must have the loss's shape ", sizes, " and dtype, got ", args.grad);
  return TensorSpec(args.logits.sizes(), args.logits);
}

Grads CrossEntropyBackward::backward(const Back<CrossEntropyBackward>& b) {
  const Tensor g = widened(b.args.grad), logits = widened(b.args.logits), target = b.args.target;
  const Tensor weight = widened(b.args.weight);
  const Tensor peak = b.args.peak, log_sum = b.args.log_sum, total = b.args.total;
  const Tensor gg = widened(b.grad[0]);
  const bool each = b.args.reduction == Reduction::none, mean = b.args.reduction == Reduction::mean;
  Grads out(7);
  if (b.need[0]) {  // linear in grad
    const Tensor unit = call<CrossEntropyBackward>({.grad = ones_like(g),
                                                    .logits = logits,
                                                    .target = target,
                                                    .peak = peak,
                                                    .log_sum = log_sum,
                                                    .total = total,
                                                    .weight = weight,
                                                    .reduction = b.args.reduction,
                                                    .ignore_index = b.args.ignore_index,
                                                    .label_smoothing = b.args.label_smoothing});
    out[0] = each ? (gg * unit).sum({1}) : (gg * unit).sum();
  }
  if (b.need[1]) {
    // With an infinite log-sum-exp all probabilities are 0, and what remains is minus the target distribution t.
    const Tensor one = ones({logits.sizes()[0]}, {.dtype = logits.dtype(), .device = logits.device()});
    const Tensor infinite = full_like(log_sum, std::numeric_limits<double>::infinity());
    const Tensor t = -call<CrossEntropyBackward>({.grad = one,
                                                  .logits = logits.detach(),
                                                  .target = target,
                                                  .peak = peak,
                                                  .log_sum = infinite,
                                                  .total = total,
                                                  .weight = weight,
                                                  .reduction = Reduction::none,
                                                  .ignore_index = b.args.ignore_index,
                                                  .label_smoothing = b.args.label_smoothing});
    // grad_x = r (mass p - t), with p = softmax(x) and mass = sum(t): its derivative with respect to x is r mass times
    // softmax's own.
    const Tensor r = mean ? g / total.to(g.dtype()) : each ? g.unsqueeze(1) : g;
    out[1] = call<SoftmaxBackward>(
        {.grad = gg * (r * t.sum({1}, /*keepdim=*/true)), .output = softmax(logits, 1), .dim = 1});
  }
  return out;
}
Cost CrossEntropyBackward::cost(const Args& args) { return cost_of(args.logits, args.reduction, args.weight, 2, 4); }

void register_cross_entropy();
void register_cross_entropy() { register_ops<CrossEntropy, CrossEntropyBackward>(); }

Tensor cross_entropy(const Tensor& logits, const Tensor& target, const CrossEntropyOptions& options) {
  check_defined("cross_entropy", "logits", logits);
  check_defined("cross_entropy", "target", target);
  if (is_floating(target.dtype())) return cross_entropy_of_probabilities(logits, target, options);
  const auto run = [&](const Tensor& rows, const Tensor& classes) {
    const Tensor weight = options.weight.defined() ? options.weight.detach() : Tensor();
    return std::move(call<CrossEntropy>(
        {rows, classes, weight, options.reduction, options.ignore_index, options.label_smoothing})[0]);
  };
  if (logits.dim() == 2) [[likely]]
    return run(logits, target);
  const ClassRows rows = class_rows("cross_entropy", "logits", logits, target);
  const Tensor loss = run(rows.scores, rows.target);
  return options.reduction == Reduction::none ? loss.reshape(target.sizes()) : loss;
}

}  // namespace farro
