// SPDX-License-Identifier: Apache-2.0
// Convolution layers: farro/kernels/conv with weights.
#pragma once

#include <farro/core/api.h>
#include <farro/nn/layers/extents.h>
#include <farro/nn/module/module.h>

namespace farro::nn {

struct ConvLayerOptions {
  int64_t in_channels = 0;
  int64_t out_channels = 0;
  Extents kernel_size = {};
  Extents stride = 1;
  Extents padding = 0;
  Extents dilation = 1;
  int64_t groups = 1;
  bool bias = true;
  bool same_padding = false;  // as much padding as keeps the sizes; `padding` is ignored then
};

// weight [out_channels, in_channels / groups, kernel...] and bias [out_channels] start uniform in +-1 / sqrt(fan_in).
class FARRO_API ConvLayer : public Module {
 public:
  using Options = ConvLayerOptions;
  const ConvLayerOptions options;
  Parameter weight;
  Parameter bias;

 protected:
  // ValueError for sizes out of range, and where groups do not divide the channels.
  ConvLayer(Parent parent, std::string_view name, const ConvLayerOptions& options, int rank);
};

// x [N, C, L]
class FARRO_API Conv1d final : public ConvLayer {
 public:
  Conv1d(Parent parent, std::string_view name, const ConvLayerOptions& o) : ConvLayer(parent, name, o, 1) {}
  Tensor forward(const Tensor& x) override;
};

// x [N, C, H, W]
class FARRO_API Conv2d final : public ConvLayer {
 public:
  Conv2d(Parent parent, std::string_view name, const ConvLayerOptions& o) : ConvLayer(parent, name, o, 2) {}
  Tensor forward(const Tensor& x) override;
};

// x [N, C, D, H, W]
class FARRO_API Conv3d final : public ConvLayer {
 public:
  Conv3d(Parent parent, std::string_view name, const ConvLayerOptions& o) : ConvLayer(parent, name, o, 3) {}
  Tensor forward(const Tensor& x) override;
};

}  // namespace farro::nn
