// SPDX-License-Identifier: Apache-2.0
// Shapes of convolutions and windows: checks, sizes of results, and the normal form in which kernels see them, [N,
// groups, channels, D, H, W] with leading spatial dimensions of size 1.
#include <farro/kernels/conv/conv_shape.h>

#include <algorithm>

namespace farro {

Shape ConvShape::out_sizes() const {
  Shape sizes{batch, groups * out_channels};
  for (int i = 3 - rank; i < 3; ++i) sizes.push_back(out[i]);
  return sizes;
}

double ConvShape::flops() const noexcept {
  // A multiplication and an addition for each pair; padding is counted, as it is elsewhere.
  return 2.0 * static_cast<double>(batch * groups * out_channels * out_pixels()) *
         static_cast<double>(in_channels * taps());
}

const char* conv_name(int spatial_rank) noexcept {
  constexpr const char* names[] = {"conv", "conv1d", "conv2d", "conv3d"};
  return names[spatial_rank];
}

Dims expand_option(const char* op, const char* option, const Dims& values, int rank, int64_t fallback, int64_t least) {
  if (values.empty()) return Dims::filled(rank, fallback);
  FARRO_CHECK(values.size() == 1 || values.size() == rank, ValueError, op, ": ", option, " must have ",
              rank == 1 ? "1 entry" : str("1 or ", rank, " entries"), ", got ", values);
  for (int64_t value : values)
    FARRO_CHECK(value >= least, ValueError, op, ": ", option, " must be at least ", least, ", got ", values);
  return values.size() == rank ? values : Dims::filled(rank, values[0]);
}

void WindowAxis::refuse(const char* op, const char* window, int dim, const std::string& what) const {
  FARRO_CHECK(padded().ok(), ShapeError, op, ": padded size must be below 2^63, got ", in, " + ", pad, " + ", pad_end,
              " in dimension ", dim, " (", what, ")");
  fail<ShapeError>(op, ": ", window, " must fit into the padded input, got extent ", extent(), " over ", padded(),
                   " in dimension ", dim, " (", what, ")");
}

int64_t WindowAxis::count(bool ceil_mode) const noexcept {
  // floor((in + pad + pad_end - extent) / stride) + 1. In ceil_mode one more, unless that window would begin in the
  // padding behind the input, where it would see nothing.
  const int64_t room = padded().value() - extent().value(), whole = room / stride + 1;
  if (!ceil_mode || room % stride == 0) return whole;
  return (Checked(whole) * stride).at_most(in + pad - 1) ? whole + 1 : whole;
}

ConvShape check_conv(const char* op, const Shape& x, const Shape& weight, const ConvParams& params) {
  ConvShape s;
  s.rank = x.size() - 2;
  s.batch = x[0];
  s.groups = params.groups;
  FARRO_CHECK(s.groups >= 1, ValueError, op, ": groups must be at least 1, got ", s.groups);
  FARRO_CHECK(weight[0] % s.groups == 0, ShapeError, op, ": weight's output channels must be divisible by groups (",
              s.groups, "), got ", weight[0], " (weight: ", weight, ")");
  const Checked channels = Checked(weight[1]) * s.groups;
  FARRO_CHECK(channels.ok() && x[1] == channels.value(), ShapeError, op, ": x must have ", channels,
              " channels (weight's ", weight[1], " x groups ", s.groups, "), got ", x[1], " (x: ", x,
              ", weight: ", weight, ")");
  s.in_channels = weight[1];
  s.out_channels = weight[0] / s.groups;
  for (int i = 0; i < s.rank; ++i) {
    const int to = i + 3 - s.rank;
    s.in[to] = x[i + 2];
    s.kernel[to] = weight[i + 2];
    s.stride[to] = params.stride[i];
    s.pad[to] = params.padding[i];
    s.dilation[to] = params.dilation[i];
    FARRO_CHECK(s.kernel[to] >= 1, ShapeError, op, ": weight's kernel sizes must be at least 1, got ", weight);
    // One tap is not dilated. Shapes that compute the same thing should be equal: they are keys of plans.
    if (s.kernel[to] == 1) s.dilation[to] = 1;
    const WindowAxis axis{s.in[to], s.kernel[to], s.stride[to], s.pad[to], params.padding_end[i], s.dilation[to]};
    if (!axis.fits()) axis.refuse(op, "kernel", i + 2, str("x: ", x, ", weight: ", weight));
    s.out[to] = axis.count();
    // Of one window: the shortest stride at which a second would leave the input.
    if (s.out[to] == 1) s.stride[to] = std::max<int64_t>(axis.rest(1), 0) + 1;
  }
  return s;
}

Strides5::Strides5(const Tensor& tensor) : at{} {
  const Strides& strides = tensor.strides();
  const int rank = strides.size();
  at[0] = strides[0];
  at[1] = strides[1];
  // Spatial dimensions to the right; those that the tensor has not keep the stride 0.
  for (int i = 2; i < rank; ++i) at[i + 5 - rank] = strides[i];
}

}  // namespace farro
