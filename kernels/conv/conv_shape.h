// The geometry of a convolution and its checks, shared by the three conv ops and their kernels. The invariant: a
// ConvShape that check_conv() returned is consistent, so kernels need no checks of their own.
#pragma once

#include <farro/core/tensor/tensor.h>

#include <array>

namespace farro {

// One entry per spatial dimension; made from the options by resolve() in conv.op.cpp. padding_end may be
// negative: rows of x that no window reaches.
struct ConvParams {
  Dims stride, padding, padding_end, dilation;
  int64_t groups = 1;
  static constexpr std::array names{"stride", "padding", "padding_end", "dilation", "groups"};
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
