// SPDX-License-Identifier: Apache-2.0
// The fused kernels of cross_entropy with class indices. The forward keeps two numbers per row, the greatest logit and
// log(sum(exp(x - greatest))); with them the backward forms the softmax in one pass.
#include <farro/core/op/op_table.h>
#include <farro/core/parallel/parallel.h>
#include <farro/kernels/loss/cross_entropy.op.h>
#include <farro/kernels/loss/targets.h>
#include <farro/kernels/softmax/exp_rows.h>

namespace farro::FARRO_ISA {

namespace {

// Logits to a task of the worker pool.
constexpr int64_t kGrain = 16384;
constexpr int64_t kMaxRows = 128;  // read again for their losses while they are in the cache

int64_t grain(int64_t classes) { return std::max<int64_t>(kGrain / std::max<int64_t>(classes, 1), 1); }

// What every row's target distribution is made of.
template <class T>
struct Targets {
  const int64_t* y;
  const T* weight;  // may be null
  int64_t classes;
  int64_t ignore_index;
  // The target distribution of a row with class y is hit at y plus `everywhere` at each class, times the class weights
  // (Szegedy et al. 2016, section 7).
  double hit;         // 1 - smoothing: what goes to the class itself
  double everywhere;  // smoothing / classes: what goes to each class
  double weight_sum;  // over all classes

  Targets(const Tensor& target, const Tensor& weights, int64_t classes_, int64_t ignore, double smoothing)
      : y(data_of<int64_t>(target)),
        weight(data_of<T>(weights)),
        classes(classes_),
        ignore_index(ignore),
        hit(1 - smoothing),
        everywhere(smoothing / static_cast<double>(classes_)),
        weight_sum(static_cast<double>(classes_)) {
    if (weight) weight_sum = sum_blocks<T>(classes, [this](int64_t i) { return weight[i]; });
  }
  bool counts(int64_t row) const { return y[row] != ignore_index; }
  // The row asks for no class at all: like one that does not count, it may hold anything.
  bool asks_nothing(int64_t row) const {
    return !counts(row) || (hit * weight_of(row) == 0 && everywhere * weight_sum == 0);
  }
  double weight_of(int64_t row) const { return weight ? static_cast<double>(weight[y[row]]) : 1; }
  // Sum of the row's target distribution.
  double mass(int64_t row) const { return hit * weight_of(row) + everywhere * weight_sum; }
};

// Classes that the target does not ask for are left out: their logits may be -infinity.
template <class T>
double row_loss(const Targets<T>& targets, int64_t r, const T* x, T peak, T log_sum) {
  if (targets.asks_nothing(r)) return 0;
  // -log p(i) = (peak - x[i]) + log_sum, in this order: both terms are at least 0, so nothing cancels.
  const double below = static_cast<double>(peak) - static_cast<double>(x[targets.y[r]]);
  const double share = targets.hit * targets.weight_of(r);
  double loss = share == 0 ? 0 : share * (below + static_cast<double>(log_sum));
  if (targets.everywhere != 0) {
    const T* w = targets.weight;
    const auto of_class = [&](int64_t i) { return peak - x[i] + log_sum; };
    loss += targets.everywhere *
            (w ? sum_blocks<T>(targets.classes, [&](int64_t i) { return w[i] == 0 ? T{0} : w[i] * of_class(i); })
               : sum_blocks<T>(targets.classes, of_class));
  }
  return loss;
}

template <class T>
void forward(const Tensor& logits, const Targets<T>& targets, const CrossEntropy::Args& args, const Tensor& loss,
             const Tensor& peak, const Tensor& log_sum, const Tensor& total) {
  const int64_t rows = logits.sizes()[0], n = targets.classes;
  const T* x = data_of<T>(logits);
  T *peaks = data_of<T>(peak), *log_sums = data_of<T>(log_sum);
  const bool each = args.reduction == Reduction::none;
  // Losses of rows are kept apart and added in order by one thread, so the result does not depend on the number of
  // threads.
  const Tensor losses = each ? Tensor() : empty({rows}, {.dtype = DType::f64, .device = Device::cpu()});
  T* each_loss = each ? data_of<T>(loss) : nullptr;
  double* row_losses = each ? nullptr : data_of<double>(losses);
  parallel_for(rows, grain(n), [&](int64_t begin, int64_t end) {
    for (int64_t at = begin; at < end; at += kMaxRows) {
      const int64_t until = std::min(at + kMaxRows, end);
      log_sum_exp_rows(x + at * n, until - at, n, peaks + at, log_sums + at);
      for (int64_t r = at; r < until; ++r) {
        const double value = row_loss(targets, r, x + r * n, peaks[r], log_sums[r]);
        if (each)
          each_loss[r] = static_cast<T>(value);
        else
          row_losses[r] = value;
      }
    }
  });
  double sum = 0, weight = 0;
  for (int64_t r = 0; r < rows; ++r) {
    if (!targets.counts(r)) continue;
    weight += targets.weight_of(r);
    if (!each) sum += row_losses[r];
  }
  // Kept for backward, which divides by it for a mean.
  *data_of<T>(total) = static_cast<T>(weight);
  if (!each) *data_of<T>(loss) = static_cast<T>(args.reduction == Reduction::mean ? sum / weight : sum);
}

template <class T>
void backward(const Tensor& grad, const Tensor& logits, const Tensor& peak, const Tensor& log_sum,
              const Targets<T>& targets, double factor, bool each, const Tensor& out) {
  const int64_t n = targets.classes;
  const T *g = data_of<T>(grad), *x = data_of<T>(logits), *w = targets.weight;
  const T *peaks = data_of<T>(peak), *log_sums = data_of<T>(log_sum);
  T* gx = data_of<T>(out);
  // As many rows as fill a block of exp: a call for each row of 10 classes would be mostly its overhead.
  const int64_t step = std::max<int64_t>(kExpBlock / n, 1);
  parallel_for(logits.sizes()[0], grain(n), [&](int64_t first, int64_t last) {
    for (int64_t begin = first; begin < last; begin += step) {
      const int64_t end = std::min(begin + step, last);
      for (int64_t r = begin; r < end; ++r)
        // The logarithm of the softmax, from the two numbers that the forward kept: no sum over the row is needed here.
        for (int64_t i = r * n; i < (r + 1) * n; ++i) gx[i] = x[i] - peaks[r] - log_sums[r];
      exp_run(gx + begin * n, (end - begin) * n);
      for (int64_t r = begin; r < end; ++r) {
        T* row = gx + r * n;
        if (targets.asks_nothing(r)) {
          std::fill_n(row, n, T{0});
          continue;
        }
        // d loss / d x[i] = scale * (mass * softmax(x)[i] - target[i]), with mass the sum of the target distribution.
        const double scale = factor * static_cast<double>(each ? g[r] : *g);
        const T mass = static_cast<T>(scale * targets.mass(r)), spread = static_cast<T>(scale * targets.everywhere);
        if (w && targets.everywhere != 0)
          for (int64_t i = 0; i < n; ++i) row[i] = row[i] * mass - spread * w[i];
        else
          for (int64_t i = 0; i < n; ++i) row[i] = row[i] * mass - spread;
        row[targets.y[r]] -= static_cast<T>(scale * targets.hit * targets.weight_of(r));
      }
    }
  });
}

void forward_kernel(Ctx& ctx, const CrossEntropy::Args& args, Outputs<CrossEntropy>& out) {
  const int64_t classes = args.logits.sizes()[1];
  const Tensor x = ctx.dense(args.logits), target = ctx.dense(args.target), weight = ctx.dense(args.weight);
  check_classes(CrossEntropy::info.name, target, classes, args.ignore_index);
  const Tensor loss = ctx.result(out[0]);
  const auto run = [&]<class T>(T) {
    const Targets<T> targets(target, weight, classes, args.ignore_index, args.label_smoothing);
    forward(x, targets, args, loss, out[1], out[2], out[3]);
  };
  if (x.dtype() == DType::f64)
    run(double{});
  else
    run(float{});
}

void backward_kernel(Ctx& ctx, const CrossEntropyBackward::Args& args, Outputs<CrossEntropyBackward>& out) {
  if (out[0].numel() == 0) return;
  const Tensor g = ctx.dense(args.grad), x = ctx.dense(args.logits), target = ctx.dense(args.target);
  const Tensor peak = ctx.dense(args.peak), log_sum = ctx.dense(args.log_sum), weight = ctx.dense(args.weight);
  check_classes(CrossEntropyBackward::info.name, target, args.logits.sizes()[1], args.ignore_index);
  const Tensor result = ctx.result(out[0]);
  const auto run = [&]<class T>(T) {
    const Targets<T> targets(target, weight, args.logits.sizes()[1], args.ignore_index, args.label_smoothing);
    const double factor = args.reduction == Reduction::mean ? 1 / static_cast<double>(*data_of<T>(args.total)) : 1;
    backward(g, x, peak, log_sum, targets, factor, args.reduction == Reduction::none, result);
  };
  if (x.dtype() == DType::f64)
    run(double{});
  else
    run(float{});
}

}  // namespace

void register_cross_entropy_cpu();
void register_cross_entropy_cpu() {
  register_kernel<CrossEntropy>(DeviceType::cpu, &forward_kernel);
  register_kernel<CrossEntropyBackward>(DeviceType::cpu, &backward_kernel);
}

}  // namespace farro::FARRO_ISA
