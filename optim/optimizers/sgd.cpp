// SPDX-License-Identifier: Apache-2.0
// SGD with momentum, dampening and Nesterov's form (Sutskever et al. 2013), over the fused step sgd_step_.
#include <farro/optim/optimizers/sgd.h>

#include <farro/kernels/optim/optim.h>

namespace farro::optim {

namespace {

void check_nesterov(const SGDOptions& o) {
  FARRO_CHECK(!o.nesterov || (o.momentum > 0 && o.dampening == 0), ValueError,
              "SGD: nesterov must have momentum above 0 and no dampening, got momentum ", o.momentum, " and dampening ",
              o.dampening);
}

const OptimizerInfo<SGDOptions>& info() {
  using O = SGDOptions;
  static const OptimizerInfo<O> info{.name = "SGD",
                                     .options = {{"lr", &O::lr, Range::not_negative},
                                                 {"momentum", &O::momentum, Range::not_negative},
                                                 {"dampening", &O::dampening},
                                                 {"weight_decay", &O::weight_decay, Range::not_negative},
                                                 {"nesterov", &O::nesterov},
                                                 {"maximize", &O::maximize}},
                                     // Momentum may have been turned on just now.
                                     .states = {{"momentum_buffer", [](const O& o) { return o.momentum != 0; }, false}},
                                     .check = check_nesterov,
                                     .capturable = true};
  return info;
}

}  // namespace

SGD::SGD(std::vector<Tensor> params, const SGDOptions& options) : OptimizerOf(info(), std::move(params), options) {}
SGD::SGD(std::vector<ParamGroup<SGDOptions>> groups) : OptimizerOf(info(), std::move(groups)) {}

void SGD::update(const SGDOptions& o, const Batch& batch) {
  // The buffer starts at zero, so that the first gradient enters whole where nothing dampens it.
  sgd_step_(batch.params, batch.grads, batch.states[0],
            {.lr = o.lr,
             .momentum = o.momentum,
             .dampening = batch.new_states ? 0 : o.dampening,
             .weight_decay = o.weight_decay,
             .nesterov = o.nesterov,
             .maximize = o.maximize},
            batch.lr_tensor);
}

}  // namespace farro::optim
