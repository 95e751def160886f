// Adam and AdamW. Formulas and papers: farro/kernels/optim/optim.h.
#pragma once

#include <farro/optim/optimizers/optimizer.h>

namespace farro::optim {

struct AdamOptions {
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;
  bool amsgrad = false;
  bool maximize = false;
};

struct AdamWOptions {
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 1e-2;
  bool amsgrad = false;
  bool maximize = false;
};

//     optim::Adam adam(net.parameters(), {.lr = 1e-3});
class Adam : public Optimizer {
 public:
  // ValueError for options out of range.
  explicit Adam(std::vector<Tensor> params, const AdamOptions& options = {});
  explicit Adam(std::vector<ParamGroup<AdamOptions>> groups);

 protected:
  Adam(const char* name, std::vector<ParamGroup<AdamOptions>> groups, bool decoupled);

 private:
  void update(size_t group, const Batch& batch) override;
  size_t states_in_use(size_t group) const override { return options_[group].amsgrad ? 3 : 2; }
  double& lr_of(size_t group) override { return options_[group].lr; }
  double& momentum_of(size_t group) override { return options_[group].beta1; }
  std::vector<Setting> settings(size_t group) override;
  void check_options(size_t group) const override;

  std::vector<AdamOptions> options_;
  const bool decoupled_;
  const char* const kind_;  // how errors call it
};

// Adam whose weight decay shrinks the parameters instead of entering the gradient.
class AdamW final : public Adam {
 public:
  explicit AdamW(std::vector<Tensor> params, const AdamWOptions& options = {});
  explicit AdamW(const std::vector<ParamGroup<AdamWOptions>>& groups);
};

}  // namespace farro::optim
