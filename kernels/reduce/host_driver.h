// SPDX-License-Identifier: Apache-2.0
// The one loop nest of every CPU reduction. It orders and merges dimensions, cuts the work into pieces, converts dtypes
// and stores results; an op brings only loops over dense runs (kernels/reduce/host_loops.h). The pieces depend on
// shapes and strides alone and are combined in a fixed order, so results have the same bits for any number of threads.
#pragma once

#include <farro/core/tensor/tensor.h>

#include <cstdint>

namespace farro {

// Accumulators of a block of outputs, 8 bytes each: double for floating inputs, int64_t for others. `first` holds the
// results of the pass before (null in the first pass); `indices` is used by argmax and its like.
struct ReduceSlots {
  void* values;
  int64_t* indices;
  const void* first;
};

// Folds, into each of `outputs` accumulators, `n` values that stand at positions at, at + 1, ... of the reduction.
// Value i of output j is in[j * pitch + i] for a rows loop and in[i * pitch + j] for a columns loop.
using ReduceLoop = void (*)(const ReduceSlots& slots, const void* in, int64_t pitch, int64_t outputs, int64_t n,
                            int64_t at, const void* params);

struct ReduceLoops {
  void (*start)(const ReduceSlots& slots, int64_t outputs);
  ReduceLoop rows;
  ReduceLoop columns;
  // slots = slots combined with `later`, whose values stand behind.
  void (*merge)(const ReduceSlots& slots, const ReduceSlots& later, int64_t outputs);
  // Turns accumulators into results; `count` values went into each. Null: they are the results.
  void (*finish)(const ReduceSlots& slots, int64_t outputs, int64_t count, const void* params);
};

struct ReduceCall {
  const ReduceLoops* passes[2];  // a second pass sees the results of the first; or null
  DType compute;                 // f32, f64 or i64: what the loops read
  const void* params = nullptr;  // of the op, handed to the loops
};

// Reduces `input` over the dimensions in `mask` (bit i: dimension i) into `values` and `indices` (i64), of which one
// may be null. They have the other dimensions, with or without those of size 1. With indices, one dimension is reduced.
void run_reduce(const Tensor* values, const Tensor* indices, const Tensor& input, uint32_t mask,
                const ReduceCall& call);

}  // namespace farro
