// Pooling layers: farro/kernels/pool as modules, and Flatten.
#pragma once

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
  PoolLayer(Parent parent, std::string_view name, const PoolLayerOptions& o)
      : Module(parent, name), options_{o.kernel_size, o.stride,    o.padding,
                                       o.dilation,    o.ceil_mode, o.count_include_pad} {}
  Tensor forward(const Tensor& x) override { return kPool(x, options_); }

 private:
  PoolOptions options_;
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
      : Module(parent, name), output_size_(o.output_size) {}
  Tensor forward(const Tensor& x) override { return kPool(x, output_size_); }

 private:
  Dims output_size_;
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

class Flatten final : public Module {
 public:
  using Options = FlattenOptions;
  Flatten(Parent parent, std::string_view name, const FlattenOptions& options = {})
      : Module(parent, name), options_(options) {}
  Tensor forward(const Tensor& x) override { return x.flatten(options_.start_dim, options_.end_dim); }

 private:
  FlattenOptions options_;
};

}  // namespace farro::nn
