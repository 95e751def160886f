// SPDX-License-Identifier: Apache-2.0
// Convolution layers of one to three dimensions: options, their checks, and the weights.
#include <farro/nn/layers/conv.h>

#include <farro/kernels/conv/conv.h>
#include <farro/nn/layers/detail/default_init.h>

namespace farro::nn {

namespace {

ConvLayerOptions checked(ConvLayerOptions o, int rank) {
  FARRO_CHECK(o.in_channels > 0 && o.out_channels > 0 && o.groups > 0, ValueError,
              "Conv: in_channels, out_channels and groups must be positive, got ", o.in_channels, ", ", o.out_channels,
              " and ", o.groups);
  FARRO_CHECK(o.in_channels % o.groups == 0 && o.out_channels % o.groups == 0, ValueError, "Conv: groups must divide ",
              o.in_channels, " and ", o.out_channels, " channels, got ", o.groups);
  for (int64_t size : o.kernel_size.expand("Conv: kernel_size", rank))
    FARRO_CHECK(size > 0, ValueError, "Conv: kernel_size must be positive, got ", size);
  return o;
}

Shape weight_sizes(const ConvLayerOptions& o, int rank) {
  // A group's outputs see the group's inputs alone.
  Shape sizes{o.out_channels, o.in_channels / o.groups};
  for (int64_t size : o.kernel_size.expand("Conv: kernel_size", rank)) sizes.push_back(size);
  return sizes;
}

ConvOptions as_conv(const ConvLayerOptions& o) {
  return {.stride = o.stride,
          .padding = o.same_padding ? Dims{} : Dims(o.padding),
          .dilation = o.dilation,
          .same_padding = o.same_padding,
          .groups = o.groups};
}

}  // namespace

ConvLayer::ConvLayer(Parent parent, std::string_view name, const ConvLayerOptions& options_, int rank)
    : Module(parent, name),
      options(checked(options_, rank)),
      weight(*this, "weight", default_weight(weight_sizes(options, rank))),
      bias(*this, "bias", default_bias(options.bias, weight, options.out_channels)) {}

Tensor Conv1d::forward(const Tensor& x) { return conv1d(x, weight, bias, as_conv(options)); }
Tensor Conv2d::forward(const Tensor& x) { return conv2d(x, weight, bias, as_conv(options)); }
Tensor Conv3d::forward(const Tensor& x) { return conv3d(x, weight, bias, as_conv(options)); }

}  // namespace farro::nn
