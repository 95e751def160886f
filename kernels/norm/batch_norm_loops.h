// SPDX-License-Identifier: Apache-2.0
// What batch_norm.cpp calls in the instruction-set builds (batch_norm.cpu.cpp). Memory is [outer, C, inner] in
// row-major order; channels-last has inner == 1. Sums are accumulated in f64, in parts that depend on the shape alone
// and are added in order: the number of threads does not show, and of f32 values neither does the layout.
#pragma once

#include <farro/core/dtype/dtype.h>
#include <farro/kernels/cpu/loops.h>

#include <cstdint>

namespace farro {

struct ChannelCall {
  DType dtype;  // of all void pointers below: f32 or f64
  int64_t outer, channels, inner;
};

struct BatchNormLoops {
  // Rows of 2 * C values that the sums below need as scratch.
  int64_t (*parts)(const ChannelCall& call);
  // sums[c] = sum of x - centre[c], sums[C + c] = sum of its squares.
  void (*moments)(const ChannelCall& call, const void* x, const double* centre, double* partial, double* sums);
  // sums[c] = sum of g, sums[C + c] = sum of g * (x - mean[c]).
  void (*gradient_sums)(const ChannelCall& call, const void* grad, const void* x, const double* mean, double* partial,
                        double* sums);
  // y = (x - mean) * scale + shift; coefficients per channel.
  void (*normalize)(const ChannelCall& call, const void* x, const void* mean, const void* scale, const void* shift,
                    void* y);
  // grad_x = g * scale - (x - mean) * slope - shift.
  void (*gradient)(const ChannelCall& call, const void* grad, const void* x, const void* mean, const void* scale,
                   const void* slope, const void* shift, void* grad_x);
};

}  // namespace farro
