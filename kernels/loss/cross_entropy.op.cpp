#include <farro/kernels/loss/cross_entropy.op.h>

#include <farro/autograd/call/call.h>
#include <farro/kernels/loss/targets.h>
#include <farro/kernels/pointwise/arithmetic.h>
#include <farro/kernels/pointwise/factories.h>
#include <farro/kernels/softmax/softmax.h>
#include <farro/kernels/softmax/softmax.op.h>

#include <limits>

namespace farro {

namespace {

// Statistics of half types are kept in f32.
TensorSpec statistics_spec(const Shape& sizes, const Tensor& x) {
  return TensorSpec(sizes, x.dtype() == DType::f64 ? DType::f64 : DType::f32, x.device());
}

Cost cost_of(const Tensor& logits, int passes, double flops) {
  return {flops * static_cast<double>(logits.numel()), passes * static_cast<double>(logits.nbytes())};
}

// Cross entropy with class probabilities, of public ops.
Tensor cross_entropy_of_probabilities(const Tensor& logits, const Tensor& target, const CrossEntropyOptions& options) {
  FARRO_CHECK(target.sizes() == logits.sizes() && target.dtype() == logits.dtype(), ShapeError,
              "cross_entropy: target must be class indices (i64) or have the logits' shape and dtype, got ", target,
              " (logits: ", logits, ")");
  const int64_t dim = logits.dim() == 1 ? 0 : 1;
  const double smoothing = options.label_smoothing;
  Tensor wanted = target;
  if (smoothing > 0) wanted = target * (1 - smoothing) + smoothing / static_cast<double>(logits.sizes()[static_cast<int>(dim)]);
  if (options.weight.defined()) {
    Shape sizes = Shape::filled(logits.dim(), 1);
    sizes[static_cast<int>(dim)] = options.weight.numel();
    wanted = wanted * options.weight.detach().reshape(sizes);
  }
  const Tensor loss = -(wanted * log_softmax(logits, dim)).sum({dim});
  if (options.reduction == Reduction::none) return loss;
  return options.reduction == Reduction::sum ? loss.sum() : loss.mean();
}

}  // namespace

std::array<TensorSpec, 3> CrossEntropy::infer(const Args& args) {
  check_class_shapes(info.name, "logits", args.logits, args.target, args.weight);
  FARRO_CHECK(args.label_smoothing >= 0 && args.label_smoothing <= 1, ValueError,
              "cross_entropy: label_smoothing must be in [0, 1], got ", args.label_smoothing);
  const int64_t rows = args.logits.sizes()[0];
  return {TensorSpec(loss_sizes(args.reduction, rows), args.logits), statistics_spec({rows}, args.logits),
          statistics_spec({}, args.logits)};
}
CrossEntropy::Saved CrossEntropy::save(const Args& args, const Outputs<CrossEntropy>& out, Need) {
  return {SavedTensor(args.logits),
          SavedTensor(args.target),
          args.weight.defined() ? SavedTensor(args.weight) : SavedTensor(),
          SavedTensor::output(out[1], 1),
          SavedTensor::output(out[2], 2),
          args.reduction,
          args.ignore_index,
          args.label_smoothing};
}
Grads CrossEntropy::backward(const Saved& saved, const Grads& grads, Need) {
  Grads out(3);
  // The statistics are constants of the backward op, which accounts for them itself.
  out[0] = call<CrossEntropyBackward>({grads[0], saved.logits.get(), saved.target.get(), saved.lse.get().detach(),
                                       saved.total.get().detach(), saved.weight.get(), saved.reduction,
                                       saved.ignore_index, saved.label_smoothing});
  return out;
}
Cost CrossEntropy::cost(const Args& args) { return cost_of(args.logits, 1, 4); }

TensorSpec CrossEntropyBackward::infer(const Args& args) {
  check_class_shapes(info.name, "logits", args.logits, args.target, args.weight);
  const Shape sizes = loss_sizes(args.reduction, args.logits.sizes()[0]);
  FARRO_CHECK(args.grad.sizes() == sizes && args.grad.dtype() == args.logits.dtype(), ShapeError,
              "cross_entropy_backward: grad must have the loss's shape ", sizes, " and dtype, got ", args.grad);
  return TensorSpec(args.logits.sizes(), args.logits);
}
CrossEntropyBackward::Saved CrossEntropyBackward::save(const Args& args, const Outputs<CrossEntropyBackward>&, Need) {
  return {SavedTensor(args.grad),
          SavedTensor(args.logits),
          SavedTensor(args.target),
          SavedTensor(args.lse),
          SavedTensor(args.total),
          args.weight.defined() ? SavedTensor(args.weight) : SavedTensor(),
          args.reduction,
          args.ignore_index,
          args.label_smoothing};
}
Grads CrossEntropyBackward::backward(const Saved& saved, const Grads& grads, Need need) {
  const Tensor g = saved.grad.get(), logits = saved.logits.get(), target = saved.target.get(), weight = saved.weight.get();
  const Tensor &lse = saved.lse.get(), &total = saved.total.get(), &gg = grads[0];
  const bool each = saved.reduction == Reduction::none, mean = saved.reduction == Reduction::mean;
  Grads out(6);
  if (need[0]) {  // linear in grad
    const Tensor unit = call<CrossEntropyBackward>({ones_like(g), logits, target, lse, total, weight, saved.reduction,
                                                    saved.ignore_index, saved.label_smoothing});
    out[0] = each ? (gg * unit).sum({1}) : (gg * unit).sum();
  }
  if (need[1]) {
    // With an infinite log-sum-exp all probabilities are 0, and what remains is minus the target distribution t.
    const Tensor one = ones({logits.sizes()[0]}, {.dtype = logits.dtype(), .device = logits.device()});
    const Tensor infinite = full_like(lse, std::numeric_limits<double>::infinity());
    const Tensor t = -call<CrossEntropyBackward>({one, logits.detach(), target, infinite, total, weight, Reduction::none,
                                                  saved.ignore_index, saved.label_smoothing});
    const Tensor r = mean ? g / total.to(g.dtype()) : each ? g.unsqueeze(1) : g;
    out[1] = call<SoftmaxBackward>({gg * (r * t.sum({1}, /*keepdim=*/true)), softmax(logits, 1), 1});
  }
  return out;
}
Cost CrossEntropyBackward::cost(const Args& args) { return cost_of(args.logits, 2, 4); }

void register_cross_entropy();
void register_cross_entropy() {
  register_op<CrossEntropy>();
  register_op<CrossEntropyBackward>();
}

Tensor cross_entropy(const Tensor& logits, const Tensor& target, const CrossEntropyOptions& options) {
  if (is_floating(target.dtype())) return cross_entropy_of_probabilities(logits, target, options);
  const auto run = [&](const Tensor& rows, const Tensor& classes) {
    const Tensor weight = options.weight.defined() ? options.weight.detach() : Tensor();
    return std::move(call<CrossEntropy>(
        {rows, classes, weight, options.reduction, options.ignore_index, options.label_smoothing})[0]);
  };
  if (logits.dim() == 2) [[likely]] return run(logits, target);
  const ClassRows rows = class_rows("cross_entropy", "logits", logits, target);
  const Tensor loss = run(rows.scores, rows.target);
  return options.reduction == Reduction::none ? loss.reshape(target.sizes()) : loss;
}

}  // namespace farro
