// SPDX-License-Identifier: Apache-2.0
// Adam (Kingma and Ba 2014) and AdamW (Loshchilov and Hutter 2019): one class with the decay as its parameter, over the
// fused step adam_step_.
#include <farro/optim/optimizers/adam.h>

#include <farro/kernels/optim/optim.h>

namespace farro::optim {

namespace {

template <bool kDecoupled>
const OptimizerInfo<BasicAdamOptions<kDecoupled>>& info() {
  using O = BasicAdamOptions<kDecoupled>;
  static const OptimizerInfo<O> info{
      .name = kDecoupled ? "AdamW" : "Adam",
      .options = {{"lr", &O::lr, Range::not_negative},
                  {"beta1", &O::beta1, Range::fraction},
                  {"beta2", &O::beta2, Range::fraction},
                  {"eps", &O::eps, Range::not_negative},
                  {"weight_decay", &O::weight_decay, Range::not_negative},
                  {"amsgrad", &O::amsgrad},
                  {"maximize", &O::maximize},
                  {"decoupled_weight_decay", Fixed{kDecoupled}}},
      .states = {{"exp_avg"}, {"exp_avg_sq"}, {"max_exp_avg_sq", [](const O& o) { return o.amsgrad; }}},
      .capturable = true};
  return info;
}

}  // namespace

template <bool kDecoupled>
BasicAdam<kDecoupled>::BasicAdam(std::vector<Tensor> params, const Options& options)
    : OptimizerOf<Options>(info<kDecoupled>(), std::move(params), options) {}
template <bool kDecoupled>
BasicAdam<kDecoupled>::BasicAdam(std::vector<ParamGroup<Options>> groups)
    : OptimizerOf<Options>(info<kDecoupled>(), std::move(groups)) {}

template <bool kDecoupled>
void BasicAdam<kDecoupled>::update(const Options& o, const Optimizer::Batch& batch) {
  const bool capturable = batch.step_tensor.defined();  // the number is then not looked at
  adam_step_(batch.params, batch.grads, batch.states[0], batch.states[1], batch.states[2],
             {.lr = o.lr,
              .beta1 = o.beta1,
              .beta2 = o.beta2,
              .eps = o.eps,
              .weight_decay = o.weight_decay,
              .decoupled = kDecoupled,
              .maximize = o.maximize,
              .step = capturable ? 1 : batch.step},
             batch.lr_tensor, batch.step_tensor);
}

template class BasicAdam<false>;
template class BasicAdam<true>;

}  // namespace farro::optim
