// SPDX-License-Identifier: Apache-2.0
// Adam and AdamW. Formulas and papers: farro/kernels/optim/optim.h.
#pragma once

#include <farro/core/api.h>
#include <farro/optim/optimizers/optimizer_of.h>

namespace farro::optim {

template <bool kDecoupled>
struct BasicAdamOptions {
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = kDecoupled ? 1e-2 : 0;
  bool amsgrad = false;
  bool maximize = false;
};
using AdamOptions = BasicAdamOptions<false>;
using AdamWOptions = BasicAdamOptions<true>;

// kDecoupled: the weight decay shrinks the parameters instead of entering the gradient.
template <bool kDecoupled>
class FARRO_API BasicAdam : public OptimizerOf<BasicAdamOptions<kDecoupled>> {
 public:
  using Options = BasicAdamOptions<kDecoupled>;
  // ValueError for options out of range.
  explicit BasicAdam(std::vector<Tensor> params, const Options& options = {});
  explicit BasicAdam(std::vector<ParamGroup<Options>> groups);

 private:
  void update(const Options& o, const Optimizer::Batch& batch) override;
};

//     optim::Adam adam(net.parameters(), {.lr = 1e-3});
class FARRO_API Adam final : public BasicAdam<false> {
 public:
  using BasicAdam::BasicAdam;
};
class FARRO_API AdamW final : public BasicAdam<true> {
 public:
  using BasicAdam::BasicAdam;
};

}  // namespace farro::optim
