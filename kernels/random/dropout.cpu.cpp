// SPDX-License-Identifier: Apache-2.0
// dropout on the CPU. Element i depends on word i of the call's random sequence alone, so the mask is not stored:
// backward draws it again.
#include <farro/core/op/op_table.h>
#include <farro/kernels/random/dropout.op.h>
#include <farro/kernels/random/random.op.h>
#include <farro/kernels/random/reserve_random.op.h>
#include <farro/kernels/random/words.h>

#include <farro/core/dtype/visit.h>
#include <farro/core/parallel/parallel.h>
#include <farro/kernels/cpu/convert.h>
#include <farro/kernels/pointwise/host_driver.h>

#include <algorithm>

namespace farro::FARRO_ISA {

namespace {

constexpr int64_t kValues = kDrawBatch * 4;

// kValues elements. The threshold is below 2^32: p = 1 never comes here.
template <class T>
void drop(T* out, const T* x, T scale, uint32_t threshold, const PhiloxState& random, int64_t first_block) noexcept {
  const FlatWords words(random, first_block);
#pragma GCC ivdep
  for (int64_t i = 0; i < kValues; ++i) {
    const T kept = x[i] * scale;
    out[i] = words.word[i] < threshold ? T{0} : kept;
  }
}

template <class T>
void drop_all(const Tensor& out, const Tensor& x, double p, const PhiloxState& random) {
  // What is kept is scaled up, so that the expected value stays and evaluation has nothing to do (Srivastava et al.
  // 2014).
  const T scale = static_cast<T>(1 / (1 - p));
  const uint32_t threshold = static_cast<uint32_t>(probability_threshold(p));
  const int64_t numel = x.numel(), item = static_cast<int64_t>(item_size(x.dtype()));
  const LoadFn load = load_fn(x.dtype(), dtype_of<T>);
  const StoreFn store = store_fn(dtype_of<T>, x.dtype());
  const char* from = static_cast<const char*>(x.raw_data());
  char* to = static_cast<char*>(out.raw_data());
  parallel_for((numel + kValues - 1) / kValues, kPointwiseGrain / kValues, [&](int64_t begin, int64_t end) {
    alignas(64) T buffer[kValues];
    for (int64_t batch = begin; batch < end; ++batch) {
      const int64_t at = batch * kValues, count = std::min(kValues, numel - at);
      if (x.dtype() == dtype_of<T> && count == kValues) {
        drop(static_cast<T*>(out.raw_data()) + at, static_cast<const T*>(x.raw_data()) + at, scale, threshold, random,
             batch * kDrawBatch);
        continue;
      }
      load(buffer, from + at * item, 1, count);
      std::fill(buffer + count, buffer + kValues, T{0});
      drop(buffer, buffer, scale, threshold, random, batch * kDrawBatch);
      store(to + at * item, 1, buffer, count);
    }
  });
}

void dropout_kernel(Ctx& ctx, const Dropout::Args& args, Outputs<Dropout>& out) {
  if (probability_threshold(args.p) >> 32) {
    out[0].zero_();
    return;
  }
  const Tensor x = ctx.dense(args.x, MemoryFormat::contiguous, args.x.dtype());
  if (x.dtype() == DType::f64) return drop_all<double>(out[0], x, args.p, random_of(args));
  drop_all<float>(out[0], x, args.p, random_of(args));
}

}  // namespace

void register_dropout_cpu();
void register_dropout_cpu() { register_kernel<Dropout>(DeviceType::cpu, &dropout_kernel); }

}  // namespace farro::FARRO_ISA
