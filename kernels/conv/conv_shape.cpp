#include <farro/kernels/conv/conv_shape.h>

namespace farro {

Shape ConvShape::out_sizes() const {
  Shape sizes{batch, groups * out_channels};
  for (int i = 3 - rank; i < 3; ++i) sizes.push_back(out[i]);
  return sizes;
}

double ConvShape::flops() const noexcept {
  return 2.0 * static_cast<double>(batch * groups * out_channels * out_pixels()) *
         static_cast<double>(in_channels * taps());
}

const char* conv_name(int spatial_rank) noexcept {
  constexpr const char* names[] = {"conv", "conv1d", "conv2d", "conv3d"};
  return names[spatial_rank];
}

Dims expand_option(const char* op, const char* option, const Dims& values, int rank, int64_t fallback, int64_t least) {
  if (values.empty()) return Dims::filled(rank, fallback);
  FARRO_CHECK(values.size() == 1 || values.size() == rank, ValueError, op, ": ", option, " must have 1 or ", rank,
              " entries, got ", values);
  for (int64_t value : values)
    FARRO_CHECK(value >= least, ValueError, op, ": ", option, " must be at least ", least, ", got ", values);
  return values.size() == rank ? values : Dims::filled(rank, values[0]);
}

ConvShape check_conv(const char* op, const Shape& x, const Shape& weight, const ConvParams& params) {
  ConvShape s;
  s.rank = x.size() - 2;
  s.batch = x[0];
  s.groups = params.groups;
  FARRO_CHECK(s.groups >= 1, ValueError, op, ": groups must be at least 1, got ", s.groups);
  FARRO_CHECK(weight[0] % s.groups == 0, ShapeError, op, ": weight's output channels must be divisible by groups (",
              s.groups, "), got ", weight[0], " (weight: ", weight, ")");
  FARRO_CHECK(x[1] == weight[1] * s.groups, ShapeError, op, ": x must have ", weight[1] * s.groups,
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
    const int64_t padded = s.in[to] + params.padding[i] + params.padding_end[i];
    const int64_t extent = (s.kernel[to] - 1) * s.dilation[to] + 1;
    FARRO_CHECK(extent <= padded, ShapeError, op, ": kernel must fit into the padded input, got extent ", extent,
                " over ", padded, " in dimension ", i + 2, " (x: ", x, ", weight: ", weight, ")");
    s.out[to] = (padded - extent) / s.stride[to] + 1;
  }
  return s;
}

Strides5::Strides5(const Tensor& tensor) : at{} {
  const Strides& strides = tensor.strides();
  const int rank = strides.size();
  at[0] = strides[0];
  at[1] = strides[1];
  for (int i = 2; i < rank; ++i) at[i + 5 - rank] = strides[i];
}

}  // namespace farro
