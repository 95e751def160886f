// SPDX-License-Identifier: Apache-2.0
// Stochastic gradient descent, with momentum, Nesterov's momentum and weight decay. Formulas:
// farro/kernels/optim/optim.h.
#pragma once

#include <farro/core/api.h>
#include <farro/optim/optimizers/optimizer_of.h>

namespace farro::optim {

struct SGDOptions {
  double lr = 1e-3;
  double momentum = 0;
  double dampening = 0;  // of later gradients in the momentum; the first enters whole
  double weight_decay = 0;
  bool nesterov = false;  // needs momentum and no dampening
  bool maximize = false;
};

//     optim::SGD sgd(net.parameters(), {.lr = 0.1, .momentum = 0.9});
class FARRO_API SGD final : public OptimizerOf<SGDOptions> {
 public:
  // ValueError for options out of range.
  explicit SGD(std::vector<Tensor> params, const SGDOptions& options = {});
  explicit SGD(std::vector<ParamGroup<SGDOptions>> groups);

 private:
  void update(const SGDOptions& o, const Batch& batch) override;
};

}  // namespace farro::optim
