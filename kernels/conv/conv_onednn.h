// The convolutions through oneDNN: the variant `onednn`. All memory is dense f32: activations channels-last ([N,
// spatial, C]), weights [O, C / groups, spatial]. Results do not depend on the number of threads.
#pragma once

#include <farro/core/op/ctx.h>
#include <farro/kernels/conv/conv_shape.h>

namespace farro {

// bias may be null.
void onednn_conv(Ctx& ctx, const ConvShape& shape, const float* x, const float* weight, const float* bias, float* out);
void onednn_conv_backward_data(Ctx& ctx, const ConvShape& shape, const float* grad, const float* weight, float* grad_x);
void onednn_conv_backward_filter(Ctx& ctx, const ConvShape& shape, const float* grad, const float* x, float* grad_weight);

}  // namespace farro
