// SPDX-License-Identifier: Apache-2.0
// Walks lists of tensors as if each list were one long vector: the loop nest of fused optimizer steps and norms on the
// CPU. Work is cut into chunks that depend on the sizes alone, so results are the same bits for any number of threads.
#pragma once

#include <farro/core/tensor/tensor.h>

#include <cstdint>

namespace farro {

// At most: parameter, gradient and three states.
inline constexpr int kMaxLists = 5;
// Elements of one chunk; 5 lists of them stay in the second-level cache.
inline constexpr int64_t kListChunk = 8192;

// n elements of each list, in the compute type (f32 or f64) and dense; data[k] belongs to list k.
using ListLoop = void (*)(void* const* data, int64_t n, const void* constants);
// A part of a reduction over n elements.
using ListReduction = double (*)(const void* data, int64_t n, double p);

struct ListLoops {
  ListLoop f32;
  ListLoop f64;
};

// Runs the loop over all elements and writes the first `lists.size()` operands back, except number `read_only`. Tensor
// i of every list has the same sizes and strides; dtypes other than the compute type are converted in blocks.
void run_lists(std::span<const TensorList> lists, int read_only, const ListLoops& loops, const void* constants);

// Sum (or maximum) of the partial results of all chunks, in their order.
double reduce_list(TensorList tensors, ListReduction f32, ListReduction f64, double p, bool maximum);

// The checks of every multi-tensor op: equally long lists, and for each index floating dtypes, equal sizes and dense,
// equal layouts. `names[k]` is the argument's name of list k; an empty optional list is left out by the caller.
void check_lists(const char* op, std::span<const TensorList> lists, std::span<const char* const> names);

}  // namespace farro
