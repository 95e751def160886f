// SPDX-License-Identifier: Apache-2.0
// Which convolutions the variants `winograd` take (conv_winograd.cpu.cpp, conv_winograd_filter.cpu.cpp).
#pragma once

#include <farro/core/dtype/dtype.h>
#include <farro/core/op/op_table.h>
#include <farro/kernels/conv/conv_shape.h>

namespace farro {

// Before `onednn`, behind `onednn_bf16`, which takes another dtype.
inline constexpr VariantInfo kWinograd{.name = "winograd", .rank = -5};

// f32, two spatial dimensions, 3 x 3 taps side by side, and sizes at which it is faster than the direct form and not
// much less exact.
bool winograd_pays(DType dtype, const ConvShape& shape);
bool winograd_pays_backward_data(DType dtype, const ConvShape& shape);
bool winograd_pays_backward_filter(DType dtype, const ConvShape& shape);

}  // namespace farro
