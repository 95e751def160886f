// SPDX-License-Identifier: Apache-2.0
// What the random CPU kernels share: threads, dtypes and layouts. A kernel brings loops that turn blocks into values.
#pragma once

#include <farro/core/op/ctx.h>
#include <farro/core/random/philox.h>
#include <farro/core/tensor/tensor.h>

namespace farro {

// Blocks that a loop handles at once.
inline constexpr int64_t kDrawBatch = 64;

// Writes the values of blocks [first, first + kDrawBatch) to `out`, `values_per_block` each, in the compute type.
using DrawLoop = void (*)(void* out, const PhiloxState& random, int64_t first, const void* parameters);

struct DrawCall {
  DrawLoop loop;
  const void* parameters;
  DType compute;         // f32, f64 or i64
  int values_per_block;  // 2 or 4
};

void run_draw(Ctx& ctx, const Tensor& out, const PhiloxState& random, const DrawCall& call);

}  // namespace farro
