// SPDX-License-Identifier: Apache-2.0
// RMSprop (Hinton 2012, in PyTorch's form): v = alpha v + (1 - alpha) g^2; p -= lr g / (sqrt(v) + eps).
#pragma once

#include <farro/core/api.h>
#include <farro/optim/optimizers/optimizer_of.h>

namespace farro::optim {

struct RMSpropOptions {
  double lr = 1e-2;
  double alpha = 0.99;
  double eps = 1e-8;
  double weight_decay = 0;
  double momentum = 0;    // b = momentum b + g / (...); p -= lr b
  bool centered = false;  // v less the square of the gradients' running mean: their variance
  bool maximize = false;
};

//     optim::RMSprop rmsprop(net.parameters(), {.lr = 1e-3, .momentum = 0.9});
class FARRO_API RMSprop final : public OptimizerOf<RMSpropOptions> {
 public:
  // ValueError for options out of range.
  explicit RMSprop(std::vector<Tensor> params, const RMSpropOptions& options = {});
  explicit RMSprop(std::vector<ParamGroup<RMSpropOptions>> groups);

 private:
  void update(const RMSpropOptions& o, const Batch& batch) override;
};

}  // namespace farro::optim
