// SPDX-License-Identifier: Apache-2.0
// The gradient of a convolution's bias, for the variants whose activations are dense and channels-last.
#pragma once

#include <farro/core/op/ctx.h>

namespace farro {

// Sums of the columns of [rows, channels]. Not by oneDNN, which keeps one running f32 sum: of 2^20 values it loses a
// percent.
void conv_bias_gradient(Ctx& ctx, const float* values, int64_t rows, int64_t channels, float* sums);

}  // namespace farro
