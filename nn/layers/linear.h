// SPDX-License-Identifier: Apache-2.0
// y = x W^T + b, and the layer that does nothing.
#pragma once

#include <farro/core/api.h>
#include <farro/nn/module/module.h>

namespace farro::nn {

struct LinearOptions {
  int64_t in_features = 0;
  int64_t out_features = 0;
  bool bias = true;
};

// x [..., in_features] -> [..., out_features]. weight [out_features, in_features] and bias [out_features] start uniform
// in +-1 / sqrt(in_features).
class FARRO_API Linear final : public Module {
 public:
  using Options = LinearOptions;
  // ValueError unless both sizes are positive.
  Linear(Parent parent, std::string_view name, const LinearOptions& options);
  Tensor forward(const Tensor& x) override;

  const LinearOptions options;
  Parameter weight;
  Parameter bias;
};

class FARRO_API Identity final : public Module {
 public:
  using Module::Module;
  Tensor forward(const Tensor& x) override { return x; }
};

}  // namespace farro::nn
