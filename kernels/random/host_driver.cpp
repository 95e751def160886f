// SPDX-License-Identifier: Apache-2.0
// The CPU driver of random fills: batches of Philox blocks, each from its own counter, so that threads may take them in
// any order.
#include <farro/core/op/op_table.h>
#include <farro/kernels/random/host_driver.h>

#include <farro/core/parallel/parallel.h>
#include <farro/kernels/cpu/convert.h>
#include <farro/kernels/memory/copy.op.h>

#include <algorithm>
#include <cstring>

namespace farro {

namespace {

// Batches below which one thread does the work: 16 K values, some 10 us.
constexpr int64_t kBatchGrain = 64;

void draw_dense(const Tensor& out, const PhiloxState& random, const DrawCall& call) {
  const int64_t batch_values = kDrawBatch * call.values_per_block;
  const int64_t numel = out.numel(), batches = (numel + batch_values - 1) / batch_values;
  const size_t item = item_size(out.dtype());
  const bool direct = out.dtype() == call.compute;
  const StoreFn store = store_fn(call.compute, out.dtype());
  char* data = static_cast<char*>(out.raw_data());
  parallel_for(batches, kBatchGrain, [&](int64_t begin, int64_t end) {
    alignas(64) double buffer[kDrawBatch * 4];
    for (int64_t batch = begin; batch < end; ++batch) {
      const int64_t at = batch * batch_values, count = std::min(batch_values, numel - at);
      char* target = data + static_cast<size_t>(at) * item;
      const bool in_place = direct && count == batch_values;
      call.loop(in_place ? static_cast<void*>(target) : buffer, random, batch * kDrawBatch, call.parameters);
      if (!in_place) store(target, 1, buffer, count);
    }
  });
}

}  // namespace

void run_draw(Ctx& ctx, const Tensor& out, const PhiloxState& random, const DrawCall& call) {
  draw_dense(ctx.result(out, MemoryFormat::contiguous, out.dtype()), random, call);
}

}  // namespace farro
