// SPDX-License-Identifier: Apache-2.0
// Convolutions over one, two and three spatial dimensions, and their transposes.
//
// out[n, o, p] = bias[o] + sum over c, k of x[n, c, p * stride - padding + k * dilation] * weight[o, c, k]: a
// cross-correlation, as in PyTorch. The sums are accumulated in f32 (f64 for f64).
//
// On the CPU 3 x 3 filters of stride 1 go through Winograd's form in f32 where there are 64 channels or more to sum
// over (the variant `winograd`; `onednn` is the direct form). Its largest error is at most about twice the direct
// form's. An infinity or a NaN in x makes NaNs of all results of the 4 x 4 tiles that read it, not only of those whose
// window meets it, and numbers beyond a hundredth of the largest may overflow.
//
// Layout: on the CPU the result of conv2d and conv3d is channels-last whatever the layout of x, as both the convolution
// and the pooling and normalisation behind it are several times as fast there (docs/performance.md); elsewhere it is
// channels-last if x is. Code that needs rows asks for reshape() or contiguous().
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>

namespace farro {

// Empty lists mean the default, one entry means the same for all spatial dimensions.
struct ConvOptions {
  Dims stride = {};           // default 1
  Dims padding = {};          // zeros on both sides; default 0
  Dims dilation = {};         // distance of kernel elements; default 1
  bool same_padding = false;  // as much padding as keeps the spatial sizes (stride 1); an odd rest goes to the end
  int64_t groups = 1;         // input and output channels are split into groups that do not mix
};

// x [N, C, L], weight [O, C / groups, K], bias [O] or undefined -> [N, O, L']; x may lack N. All of one floating dtype.
// Throws ShapeError where ranks, channels or groups do not match or the kernel exceeds the padded input, DTypeError for
// integers or mixed dtypes, ValueError for options out of range.
FARRO_API Tensor conv1d(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
                        const ConvOptions& options = {});
// x [N, C, H, W], weight [O, C / groups, KH, KW].
FARRO_API Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
                        const ConvOptions& options = {});
// x [N, C, D, H, W], weight [O, C / groups, KD, KH, KW].
FARRO_API Tensor conv3d(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
                        const ConvOptions& options = {});

struct ConvTransposeOptions {
  Dims stride = {};          // default 1
  Dims padding = {};         // what the convolution it transposes would pad; default 0
  Dims output_padding = {};  // extra size at the end, below stride or dilation; default 0
  Dims dilation = {};        // default 1
  int64_t groups = 1;
};

// The transpose (adjoint) of a convolution: x [N, C, ...], weight [C, O / groups, ...], bias [O] ->
// [N, O, (L - 1) * stride - 2 * padding + dilation * (K - 1) + output_padding + 1]. Errors as for the convolutions.
FARRO_API Tensor conv_transpose1d(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
                                  const ConvTransposeOptions& options = {});
FARRO_API Tensor conv_transpose2d(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
                                  const ConvTransposeOptions& options = {});
FARRO_API Tensor conv_transpose3d(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
                                  const ConvTransposeOptions& options = {});

}  // namespace farro
