// SPDX-License-Identifier: Apache-2.0
// Kernels of the losses of pairs of equal shape: mean squared error, absolute error, and binary cross entropy of
// logits, as one loop with three bodies.
#include <farro/core/op/op_table.h>
#include <farro/core/parallel/parallel.h>
#include <farro/kernels/cpu/lanes.h>
#include <farro/kernels/cpu/vector_math.h>
#include <farro/kernels/loss/pair_loss.op.h>

#include <algorithm>
#include <cmath>

namespace farro::FARRO_ISA {

namespace {

// Values summed as one; the block sums are added in order, so that threads do not matter.
constexpr int64_t kBlock = 8192;

template <PairLossKind kKind, class T>
inline T element_loss(T a, T b) {
  if constexpr (kKind == PairLossKind::squared)
    return (a - b) * (a - b);
  else if constexpr (kKind == PairLossKind::absolute)
    return std::abs(a - b);
  else {
    // max(a, 0) - a b as one product, which is 0 where the target says so, however far out the logit is.
    const T part = a < 0 ? b : 1 - b, size = std::abs(a);
    return (part == 0 ? T{0} : size * part) + vmath::log1p(vmath::exp(-size));
  }
}

template <PairLossKind kKind, class T>
double sum_of(const T* a, const T* b, int64_t n) {
  return static_cast<double>(sum_lanes<T>(n, [a, b](int64_t i) { return element_loss<kKind>(a[i], b[i]); }));
}

template <PairLossKind kKind, class T>
double total_of(const T* a, const T* b, int64_t n) {
  if (n <= kBlock) return sum_of<kKind>(a, b, n);
  const int64_t blocks = (n + kBlock - 1) / kBlock;
  const Tensor sums = empty({blocks}, {.dtype = DType::f64, .device = Device::cpu()});
  double* sum = data_of<double>(sums);
  parallel_for(blocks, 4, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      sum[i] = sum_of<kKind>(a + i * kBlock, b + i * kBlock, std::min(kBlock, n - i * kBlock));
  });
  double total = 0;
  for (int64_t i = 0; i < blocks; ++i) total += sum[i];
  return total;
}

template <PairLossKind kKind, class T>
void run(const Tensor& input, const Tensor& target, Reduction reduction, const Tensor& result) {
  const T *a = data_of<T>(input), *b = data_of<T>(target);
  T* out = data_of<T>(result);
  const int64_t n = input.numel();
  if (reduction == Reduction::none) {
    parallel_for(n, 4 * kBlock, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) out[i] = element_loss<kKind>(a[i], b[i]);
    });
    return;
  }
  const double total = total_of<kKind>(a, b, n);
  *out = static_cast<T>(reduction == Reduction::mean ? total / static_cast<double>(n) : total);
}

template <PairLossKind kKind>
void pair_loss_kernel(Ctx& ctx, const typename PairLoss<kKind>::Args& args, Outputs<PairLoss<kKind>>& out) {
  const Tensor a = ctx.dense(args.input), b = ctx.dense(args.target), result = ctx.result(out[0]);
  if (a.dtype() == DType::f64)
    run<kKind, double>(a, b, args.reduction, result);
  else
    run<kKind, float>(a, b, args.reduction, result);
}

}  // namespace

void register_pair_loss_cpu();
void register_pair_loss_cpu() {
  register_kernel<MseLoss>(DeviceType::cpu, &pair_loss_kernel<PairLossKind::squared>);
  register_kernel<L1Loss>(DeviceType::cpu, &pair_loss_kernel<PairLossKind::absolute>);
  register_kernel<BceWithLogitsLoss>(DeviceType::cpu, &pair_loss_kernel<PairLossKind::logistic>);
}

}  // namespace farro::FARRO_ISA
