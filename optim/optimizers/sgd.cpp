#include <farro/optim/optimizers/sgd.h>

#include <farro/kernels/optim/optim.h>
#include <farro/optim/optimizers/detail/param_groups.h>

namespace farro::optim {

namespace {

constexpr const char* kStates[] = {"momentum_buffer"};

void check(const SGDOptions& o) {
  check_not_negative("SGD", "lr", o.lr);
  check_not_negative("SGD", "momentum", o.momentum);
  check_not_negative("SGD", "weight_decay", o.weight_decay);
  FARRO_CHECK(std::isfinite(o.dampening), ValueError, "SGD: dampening must be finite, got ", o.dampening);
  FARRO_CHECK(!o.nesterov || (o.momentum > 0 && o.dampening == 0), ValueError,
              "SGD: nesterov must have momentum above 0 and no dampening, got momentum ", o.momentum, " and dampening ",
              o.dampening);
}

}  // namespace

SGD::SGD(std::vector<Tensor> params, const SGDOptions& options) : SGD(one_group(std::move(params), options)) {}
SGD::SGD(std::vector<ParamGroup<SGDOptions>> groups)
    : Optimizer("SGD", params_of(groups), kStates), options_(options_of(groups)) {
  for (const SGDOptions& options : options_) check(options);
}

void SGD::update(size_t group, const Batch& batch) {
  const SGDOptions& o = options_[group];
  // The buffer starts at zero, so that the first gradient enters whole where nothing dampens it.
  sgd_step_(batch.params, batch.grads, batch.states[0],
            {.lr = o.lr,
             .momentum = o.momentum,
             .dampening = batch.new_states ? 0 : o.dampening,
             .weight_decay = o.weight_decay,
             .nesterov = o.nesterov,
             .maximize = o.maximize});
}

void SGD::check_options(size_t group) const { check(options_[group]); }

std::vector<Optimizer::Setting> SGD::settings(size_t group) {
  SGDOptions& o = options_[group];
  return {{"lr", &o.lr},
          {"momentum", &o.momentum},
          {"dampening", &o.dampening},
          {"weight_decay", &o.weight_decay},
          {"nesterov", &o.nesterov},
          {"maximize", &o.maximize}};
}

}  // namespace farro::optim
