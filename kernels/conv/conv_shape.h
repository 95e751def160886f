// SPDX-License-Identifier: Apache-2.0
// The geometry of a convolution and its checks, shared by the three conv ops and their kernels. The invariant: a
// ConvShape that check_conv() returned is consistent, so kernels need no checks of their own. A stride that no second
// window takes and a dilation that no second tap takes are replaced by small ones.
#pragma once

#include <farro/core/tensor/tensor.h>
#include <farro/core/util/checked.h>

#include <array>

namespace farro {

// One entry per spatial dimension; made from the options by resolve() in conv.op.cpp. padding_end may be
// negative: rows of x that no window reaches.
struct ConvParams {
  Dims stride, padding, padding_end, dilation;
  int64_t groups = 1;
  static constexpr std::array names{"stride", "padding", "padding_end", "dilation", "groups"};
};

// The windows over one spatial dimension, of convolutions and pools: sizes and options are a user's, so that nothing
// may be computed from them but here. Where fits() holds, every position that a window touches lies within 63 bits.
struct WindowAxis {
  int64_t in, kernel, stride, pad, pad_end, dilation;

  Checked padded() const noexcept { return Checked(in) + pad + pad_end; }
  Checked extent() const noexcept { return Checked(kernel - 1) * dilation + 1; }  // of one window
  bool fits() const noexcept { return padded().ok() && extent().at_most(padded().value()); }
  // The ShapeError where it does not, in the words of `op`: `window` is what must fit, `what` describes the tensors.
  [[noreturn]] void refuse(const char* op, const char* window, int dim, const std::string& what) const;
  // Windows that fit; with `ceil_mode` also a last one that begins before the end of the input but hangs over that of
  // the padding. Only where it fits.
  int64_t count(bool ceil_mode = false) const noexcept;
  // Input elements behind the last of `count` windows; negative where windows reach into the padding.
  int64_t rest(int64_t count) const noexcept { return in + pad - ((count - 1) * stride + (kernel - 1) * dilation + 1); }
  // The input size whose windows a transposed convolution with `in` inputs takes them for.
  Checked transposed(int64_t output_padding) const noexcept {
    return (Checked(in) - 1) * stride - Checked(pad) - pad_end + (Checked(kernel) - 1) * dilation + output_padding + 1;
  }
};

// Always three spatial dimensions: a convolution with fewer has leading ones.
struct ConvShape {
  int rank = 0;  // spatial dimensions of the tensors
  int64_t batch = 0, groups = 1;
  int64_t in_channels = 0, out_channels = 0;  // per group
  int64_t in[3] = {1, 1, 1}, out[3] = {1, 1, 1}, kernel[3] = {1, 1, 1};
  int64_t stride[3] = {1, 1, 1}, pad[3] = {0, 0, 0}, dilation[3] = {1, 1, 1};
  static constexpr std::array names{"rank", "batch",  "groups", "in_channels", "out_channels", "in",
                                    "out",  "kernel", "stride", "pad",         "dilation"};  // for plan_key()

  int64_t in_pixels() const noexcept { return in[0] * in[1] * in[2]; }
  int64_t out_pixels() const noexcept { return out[0] * out[1] * out[2]; }
  WindowAxis window(int d) const noexcept { return {in[d], kernel[d], stride[d], pad[d], 0, dilation[d]}; }
  int64_t taps() const noexcept { return kernel[0] * kernel[1] * kernel[2]; }
  Shape out_sizes() const;
  // Multiply-adds count two; taps that fall into the padding count too.
  double flops() const noexcept;
};

// "conv1d", "conv2d" or "conv3d": how errors name the op.
const char* conv_name(int spatial_rank) noexcept;

// `values` with one entry per dimension: `fallback` where empty, a single entry repeated. Throws ValueError for any
// other count and for entries below `least`.
Dims expand_option(const char* op, const char* option, const Dims& values, int rank, int64_t fallback, int64_t least);

// Throws the user's errors; the ranks of x and weight are already known to be `rank` + 2.
ConvShape check_conv(const char* op, const Shape& x, const Shape& weight, const ConvParams& params);

// Strides of a [N, C, spatial...] tensor as [n, c, d, h, w]; the missing dimensions get 0.
struct Strides5 {
  int64_t at[5];
  explicit Strides5(const Tensor& tensor);
};

}  // namespace farro
