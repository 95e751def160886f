// What batch_norm.cpp calls in the instruction-set builds (batch_norm.cpu.cpp). Memory is [outer, C, inner] in
// row-major order; channels-last has inner == 1. It is cut into parts that depend on the shape alone; sums go to one
// row of C values per part in f64, and are combined in the order of the parts: the number of threads does not show.
#pragma once

#include <farro/core/dtype/dtype.h>

#include <cstdint>

namespace farro {

struct ChannelCall {
  DType dtype;  // of all void pointers below: f32 or f64
  int64_t outer, channels, inner;
};

struct BatchNormLoops {
  // Rows of the partial sums below.
  int64_t (*parts)(const ChannelCall& call);
  // mean and biased variance of each channel; `partial` has 2 * parts * C values, `centres` parts * C of the dtype.
  void (*statistics)(const ChannelCall& call, const void* x, double* partial, void* centres, double* mean, double* var);
  // sums[c] = sum of g, sums[C + c] = sum of g * (x - mean[c]).
  void (*gradient_sums)(const ChannelCall& call, const void* grad, const void* x, const void* mean, double* partial,
                        double* sums);
  // y = (x - mean) * scale + shift; coefficients per channel.
  void (*normalize)(const ChannelCall& call, const void* x, const void* mean, const void* scale, const void* shift,
                    void* y);
  // grad_x = g * scale - (x - mean) * slope - shift.
  void (*gradient)(const ChannelCall& call, const void* grad, const void* x, const void* mean, const void* scale,
                   const void* slope, const void* shift, void* grad_x);
};
extern const BatchNormLoops* batch_norm_loops;

}  // namespace farro
