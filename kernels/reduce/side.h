// SPDX-License-Identifier: Apache-2.0
// The kept or the reduced dimensions of a reduction, ordered and merged. Shared by the CPU driver and the device loops.
#pragma once

#include <farro/core/tensor/tensor.h>

namespace farro {

// Dimensions of one kind, from the largest stride of the input to the smallest.
struct ReduceSide {
  int rank = 0;
  int64_t sizes[kMaxDims];
  int64_t in[kMaxDims];  // strides in elements
  int64_t out[kMaxDims];

  void add(int64_t size, int64_t in_stride, int64_t out_stride) {
    if (size == 1) return;
    int at = rank++;
    for (; at > 0 && in[at - 1] < in_stride; --at) {
      sizes[at] = sizes[at - 1];
      in[at] = in[at - 1];
      out[at] = out[at - 1];
    }
    sizes[at] = size;
    in[at] = in_stride;
    out[at] = out_stride;
  }
  // Joins dimensions that are walked as one; leaves at least one.
  void merge() {
    int kept = 0;
    for (int i = 0; i < rank; ++i) {
      if (kept && in[kept - 1] == in[i] * sizes[i] && out[kept - 1] == out[i] * sizes[i]) {
        sizes[kept - 1] *= sizes[i];
      } else {
        sizes[kept++] = sizes[i];
      }
      in[kept - 1] = in[i];
      out[kept - 1] = out[i];
    }
    if (!kept) {
      sizes[0] = 1;
      in[0] = out[0] = 0;
      kept = 1;
    }
    rank = kept;
  }
  int64_t count() const {
    int64_t product = 1;
    for (int i = 0; i < rank; ++i) product *= sizes[i];
    return product;
  }
};

struct ReduceSides {
  ReduceSide kept, reduced;
};
// Of reducing `input` over the dimensions in `mask` into `out`, which has the others, with or without those of size 1.
inline ReduceSides reduce_sides(const Tensor& out, const Tensor& input, uint32_t mask) {
  ReduceSides sides;
  const bool keepdim = out.dim() == input.dim();
  for (int i = 0, o = 0; i < input.dim(); ++i) {
    const bool reduced = mask >> i & 1;
    (reduced ? sides.reduced : sides.kept).add(input.sizes()[i], input.strides()[i], reduced ? 0 : out.strides()[o]);
    o += keepdim || !reduced;
  }
  sides.kept.merge();
  sides.reduced.merge();
  return sides;
}

}  // namespace farro
