// SPDX-License-Identifier: Apache-2.0
// Adagrad (Duchi et al. 2011, in PyTorch's form): s += g^2; p -= lr / (1 + (step - 1) lr_decay) * g / (sqrt(s) + eps).
#pragma once

#include <farro/core/api.h>
#include <farro/optim/optimizers/optimizer_of.h>

namespace farro::optim {

struct AdagradOptions {
  double lr = 1e-2;
  double lr_decay = 0;
  double weight_decay = 0;
  double initial_accumulator_value = 0;
  double eps = 1e-10;
  bool maximize = false;
};

//     optim::Adagrad adagrad(net.parameters(), {.lr = 0.1});
class FARRO_API Adagrad final : public OptimizerOf<AdagradOptions> {
 public:
  // ValueError for options out of range.
  explicit Adagrad(std::vector<Tensor> params, const AdagradOptions& options = {});
  explicit Adagrad(std::vector<ParamGroup<AdagradOptions>> groups);

 private:
  void update(const AdagradOptions& o, const Batch& batch) override;
  Tensor new_state(const AdagradOptions& o, size_t state, const Tensor& param) const override;
};

}  // namespace farro::optim
