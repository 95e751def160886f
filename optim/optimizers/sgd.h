// Stochastic gradient descent, with momentum, Nesterov's momentum and weight decay. Formulas:
// farro/kernels/optim/optim.h.
#pragma once

#include <farro/optim/optimizers/optimizer.h>

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
class SGD final : public Optimizer {
 public:
  // ValueError for options out of range.
  explicit SGD(std::vector<Tensor> params, const SGDOptions& options = {});
  explicit SGD(std::vector<ParamGroup<SGDOptions>> groups);

 private:
  void update(size_t group, const Batch& batch) override;
  size_t states_in_use(size_t group) const override { return options_[group].momentum != 0 ? 1 : 0; }
  size_t states_needed(size_t) const override { return 0; }  // momentum may have been turned on just now
  double& lr_of(size_t group) override { return options_[group].lr; }
  double& momentum_of(size_t group) override { return options_[group].momentum; }
  std::vector<Setting> settings(size_t group) override;
  void check_options(size_t group) const override;

  std::vector<SGDOptions> options_;
};

}  // namespace farro::optim
