// SPDX-License-Identifier: Apache-2.0
// Normalisation of each sample: farro/kernels/norm/layer_norm.h with weights.
#pragma once

#include <farro/core/api.h>
#include <farro/nn/layers/extents.h>
#include <farro/nn/module/module.h>

#include <optional>

namespace farro::nn {

struct LayerNormOptions {
  Extents normalized_shape = {};  // sizes of the trailing dimensions
  double eps = 1e-5;
  bool affine = true;  // weight and bias
  bool bias = true;
};

class FARRO_API LayerNorm final : public Module {
 public:
  using Options = LayerNormOptions;
  // ValueError where normalized_shape is empty or eps negative.
  LayerNorm(Parent parent, std::string_view name, const LayerNormOptions& options);
  Tensor forward(const Tensor& x) override;

  const LayerNormOptions options;
  Parameter weight;
  Parameter bias;
};

struct RMSNormOptions {
  Extents normalized_shape = {};
  std::optional<double> eps = {};  // absent: the machine epsilon of the type computed in, see rms_norm()
  bool affine = true;              // weight
};

class FARRO_API RMSNorm final : public Module {
 public:
  using Options = RMSNormOptions;
  // ValueError as LayerNorm.
  RMSNorm(Parent parent, std::string_view name, const RMSNormOptions& options);
  Tensor forward(const Tensor& x) override;

  const RMSNormOptions options;
  Parameter weight;
};

}  // namespace farro::nn
