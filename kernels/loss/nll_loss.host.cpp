// SPDX-License-Identifier: Apache-2.0
// The CPU kernels of nll_loss. They touch one element a row, so there is nothing to vectorise.
#include <farro/core/op/op_table.h>
#include <farro/core/parallel/parallel.h>
#include <farro/kernels/loss/nll_loss.op.h>
#include <farro/kernels/loss/targets.h>

#include <algorithm>

namespace farro {

namespace {

constexpr int64_t kGrain = 32768;

template <class T>
void forward(const Tensor& scores, const Tensor& target, const T* weight, const NllLoss::Args& args, const Tensor& loss,
             const Tensor& total) {
  const int64_t classes = scores.sizes()[1];
  const T* x = data_of<T>(scores);
  const int64_t* y = data_of<int64_t>(target);
  T* out = data_of<T>(loss);
  const bool each = args.reduction == Reduction::none;
  // One thread: a row takes a single load, so there is little to share out.
  double sum = 0, weights = 0;
  for (int64_t r = 0; r < target.numel(); ++r) {
    const bool counts = y[r] != args.ignore_index;
    const double w = counts ? (weight ? static_cast<double>(weight[y[r]]) : 1) : 0;
    // A weight of 0 leaves the row out: -infinity or NaN times it would not.
    const double value = w == 0 ? 0 : -w * static_cast<double>(x[r * classes + y[r]]);
    weights += w;
    sum += value;
    if (each) out[r] = static_cast<T>(value);
  }
  *data_of<T>(total) = static_cast<T>(weights);
  if (!each) *out = static_cast<T>(args.reduction == Reduction::mean ? sum / weights : sum);
}

template <class T>
void backward(const Tensor& grad, const Tensor& target, const T* weight, const NllLossBackward::Args& args, T* out) {
  const T* g = data_of<T>(grad);
  const int64_t* y = data_of<int64_t>(target);
  const bool each = args.reduction == Reduction::none;
  // A mean divides by the sum of the weights that counted, not by the number of rows.
  const double factor = args.reduction == Reduction::mean ? 1 / static_cast<double>(*data_of<T>(args.total)) : 1;
  parallel_for(target.numel(), std::max<int64_t>(kGrain / args.classes, 1), [&](int64_t begin, int64_t end) {
    std::fill_n(out + begin * args.classes, (end - begin) * args.classes, T{0});
    for (int64_t r = begin; r < end; ++r) {
      if (y[r] == args.ignore_index) continue;
      const double w = weight ? static_cast<double>(weight[y[r]]) : 1;
      if (w == 0) continue;
      out[r * args.classes + y[r]] = static_cast<T>(-w * factor * static_cast<double>(each ? g[r] : *g));
    }
  });
}

void forward_kernel(Ctx& ctx, const NllLoss::Args& args, Outputs<NllLoss>& out) {
  const Tensor x = ctx.dense(args.log_probs), target = ctx.dense(args.target), weight = ctx.dense(args.weight);
  check_classes(NllLoss::info.name, target, x.sizes()[1], args.ignore_index);
  const Tensor loss = ctx.result(out[0]);
  if (x.dtype() == DType::f64)
    forward(x, target, data_of<double>(weight), args, loss, out[1]);
  else
    forward(x, target, data_of<float>(weight), args, loss, out[1]);
}

void backward_kernel(Ctx& ctx, const NllLossBackward::Args& args, Outputs<NllLossBackward>& out) {
  if (out[0].numel() == 0) return;
  const Tensor g = ctx.dense(args.grad), target = ctx.dense(args.target), weight = ctx.dense(args.weight);
  check_classes(NllLossBackward::info.name, target, args.classes, args.ignore_index);
  const Tensor result = ctx.result(out[0]);
  if (g.dtype() == DType::f64)
    backward(g, target, data_of<double>(weight), args, data_of<double>(result));
  else
    backward(g, target, data_of<float>(weight), args, data_of<float>(result));
}

}  // namespace

void register_nll_loss_host();
void register_nll_loss_host() {
  register_kernel<NllLoss>(DeviceType::cpu, &forward_kernel);
  register_kernel<NllLossBackward>(DeviceType::cpu, &backward_kernel);
}

}  // namespace farro
