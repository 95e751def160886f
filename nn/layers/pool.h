// SPDX-License-Identifier: Apache-2.0
// Pooling layers: farro/kernels/pool as modules, and Flatten.
#pragma once

#include <farro/core/api.h>
#include <farro/kernels/pool/pool.h>
#include <farro/nn/layers/extents.h>
#include <farro/nn/module/module.h>

namespace farro::nn {

struct PoolLayerOptions {
  Extents kernel_size = {};
  Extents stride = {};    // default: kernel_size
  Extents padding = {};   // default 0
  Extents dilation = {};  // max pooling only; default 1
  bool ceil_mode = false;
  bool count_include_pad = true;  // average pooling only
};

// A module around max_pool1d, ..., avg_pool3d.
template <Tensor (*kPool)(const Tensor&, const PoolOptions&)>
class PoolLayer : public Module {
 public:
  using Options = PoolLayerOptions;
  PoolLayer(Parent parent, std::string_view name, const PoolLayerOptions& o) : Module(parent, name), options(o) {}
  Tensor forward(const Tensor& x) override {
    return kPool(x, {.kernel_size = options.kernel_size,
                     .stride = options.stride,
                     .padding = options.padding,
                     .dilation = options.dilation,
                     .ceil_mode = options.ceil_mode,
                     .count_include_pad = options.count_include_pad});
  }

  const PoolLayerOptions options;
};

class MaxPool1d final : public PoolLayer<&max_pool1d> {
  using PoolLayer::PoolLayer;
};
class MaxPool2d final : public PoolLayer<&max_pool2d> {
  using PoolLayer::PoolLayer;
};
class MaxPool3d final : public PoolLayer<&max_pool3d> {
  using PoolLayer::PoolLayer;
};
class AvgPool1d final : public PoolLayer<&avg_pool1d> {
  using PoolLayer::PoolLayer;
};
class AvgPool2d final : public PoolLayer<&avg_pool2d> {
  using PoolLayer::PoolLayer;
};
class AvgPool3d final : public PoolLayer<&avg_pool3d> {
  using PoolLayer::PoolLayer;
};

struct AdaptivePoolOptions {
  Extents output_size = {};  // -1 keeps a size
};

template <Tensor (*kPool)(const Tensor&, const Dims&)>
class AdaptivePoolLayer : public Module {
 public:
  using Options = AdaptivePoolOptions;
  AdaptivePoolLayer(Parent parent, std::string_view name, const AdaptivePoolOptions& o)
      : Module(parent, name), options(o) {}
  Tensor forward(const Tensor& x) override { return kPool(x, options.output_size); }

  const AdaptivePoolOptions options;
};

class AdaptiveAvgPool1d final : public AdaptivePoolLayer<&adaptive_avg_pool1d> {
  using AdaptivePoolLayer::AdaptivePoolLayer;
};
class AdaptiveAvgPool2d final : public AdaptivePoolLayer<&adaptive_avg_pool2d> {
  using AdaptivePoolLayer::AdaptivePoolLayer;
};
class AdaptiveAvgPool3d final : public AdaptivePoolLayer<&adaptive_avg_pool3d> {
  using AdaptivePoolLayer::AdaptivePoolLayer;
};
class AdaptiveMaxPool1d final : public AdaptivePoolLayer<&adaptive_max_pool1d> {
  using AdaptivePoolLayer::AdaptivePoolLayer;
};
class AdaptiveMaxPool2d final : public AdaptivePoolLayer<&adaptive_max_pool2d> {
  using AdaptivePoolLayer::AdaptivePoolLayer;
};
class AdaptiveMaxPool3d final : public AdaptivePoolLayer<&adaptive_max_pool3d> {
  using AdaptivePoolLayer::AdaptivePoolLayer;
};

struct FlattenOptions {
  int64_t start_dim = 1;
  int64_t end_dim = -1;
};

class FARRO_API Flatten final : public Module {
 public:
  using Options = FlattenOptions;
  Flatten(Parent parent, std::string_view name, const FlattenOptions& o = {}) : Module(parent, name), options(o) {}
  Tensor forward(const Tensor& x) override { return x.flatten(options.start_dim, options.end_dim); }

  const FlattenOptions options;
};

}  // namespace farro::nn
