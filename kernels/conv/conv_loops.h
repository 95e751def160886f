// SPDX-License-Identifier: Apache-2.0
// What conv_kernels.cpp calls in the instruction-set builds (conv.cpu.cpp). The invariant: loops get plain pointers and
// consistent shapes; layouts, scratch memory and the choice of a variant are the caller's.
#pragma once

#include <farro/core/dtype/dtype.h>
#include <farro/kernels/conv/conv_shape.h>
#include <farro/kernels/cpu/loops.h>

namespace farro {

// The definition of convolution, for any layout and floating dtype, accumulated in f64: the variant `generic`.
struct ConvGenericCall {
  ConvShape shape;
  DType dtype;
  const int64_t* x_strides;       // [n, c, d, h, w]
  const int64_t* weight_strides;  // [o, c, kd, kh, kw]
  const int64_t* out_strides;     // of the result or its gradient
};

struct ConvLoops {
  // bias may be null.
  void (*generic_forward)(const ConvGenericCall& call, const void* x, const void* weight, const void* bias, void* out);
  void (*generic_backward_data)(const ConvGenericCall& call, const void* grad, const void* weight, void* grad_x);
  // grad_bias may be null.
  void (*generic_backward_filter)(const ConvGenericCall& call, const void* grad, const void* x, void* grad_weight,
                                  void* grad_bias);
};

}  // namespace farro
