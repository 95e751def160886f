// SPDX-License-Identifier: Apache-2.0
// The convolutions through oneDNN: the variants `onednn` and `onednn_bf16`. All memory is dense: activations
// channels-last ([N, spatial, C]), weights [O, C / groups, spatial]. Results do not depend on the number of threads.
#pragma once

#include <farro/core/op/ctx.h>
#include <farro/kernels/conv/conv_shape.h>

namespace farro {

// `dtype` is f32 or, where onednn_has_bf16(), bf16: of all but the bias, which may be null, and the weight's gradient.
// bf16 is summed in f32.
void onednn_conv(Ctx& ctx, const ConvShape& shape, DType dtype, const void* x, const void* weight, const float* bias,
                 void* out);
void onednn_conv_backward_data(Ctx& ctx, const ConvShape& shape, DType dtype, const void* grad, const void* weight,
                               void* grad_x);
void onednn_conv_backward_filter(Ctx& ctx, const ConvShape& shape, DType dtype, const void* grad, const void* x,
                                 float* grad_weight);

}  // namespace farro
