#include <farro/optim/optimizers/adam.h>

#include <farro/kernels/optim/optim.h>
#include <farro/optim/optimizers/detail/param_groups.h>

namespace farro::optim {

namespace {

constexpr const char* kStates[] = {"exp_avg", "exp_avg_sq", "max_exp_avg_sq"};

void check(const char* name, const AdamOptions& o) {
  check_not_negative(name, "lr", o.lr);
  check_not_negative(name, "eps", o.eps);
  check_not_negative(name, "weight_decay", o.weight_decay);
  for (double beta : {o.beta1, o.beta2})
    FARRO_CHECK(beta >= 0 && beta < 1, ValueError, name, ": beta1 and beta2 must be in [0, 1), got ", o.beta1, " and ",
                o.beta2);
}

std::vector<ParamGroup<AdamOptions>> as_adam(const std::vector<ParamGroup<AdamWOptions>>& groups) {
  std::vector<ParamGroup<AdamOptions>> out;
  for (const auto& [params, o] : groups)
    out.push_back({params, {o.lr, o.beta1, o.beta2, o.eps, o.weight_decay, o.amsgrad, o.maximize}});
  return out;
}

}  // namespace

Adam::Adam(std::vector<Tensor> params, const AdamOptions& options) : Adam(one_group(std::move(params), options)) {}
Adam::Adam(std::vector<ParamGroup<AdamOptions>> groups) : Adam("Adam", std::move(groups), false) {}
Adam::Adam(const char* name, std::vector<ParamGroup<AdamOptions>> groups, bool decoupled)
    : Optimizer(name, params_of(groups), kStates), options_(options_of(groups)), decoupled_(decoupled), kind_(name) {
  for (const AdamOptions& options : options_) check(name, options);
}

AdamW::AdamW(std::vector<Tensor> params, const AdamWOptions& options) : AdamW(one_group(std::move(params), options)) {}
AdamW::AdamW(const std::vector<ParamGroup<AdamWOptions>>& groups) : Adam("AdamW", as_adam(groups), true) {}

void Adam::update(size_t group, const Batch& batch) {
  const AdamOptions& o = options_[group];
  adam_step_(batch.params, batch.grads, batch.states[0], batch.states[1], batch.states[2],
             {.lr = o.lr,
              .beta1 = o.beta1,
              .beta2 = o.beta2,
              .eps = o.eps,
              .weight_decay = o.weight_decay,
              .decoupled = decoupled_,
              .maximize = o.maximize,
              .step = batch.step});
}

void Adam::check_options(size_t group) const { check(kind_, options_[group]); }

std::vector<Optimizer::Setting> Adam::settings(size_t group) {
  AdamOptions& o = options_[group];
  return {{"lr", &o.lr},
          {"beta1", &o.beta1},
          {"beta2", &o.beta2},
          {"eps", &o.eps},
          {"weight_decay", &o.weight_decay},
          {"amsgrad", &o.amsgrad},
          {"maximize", &o.maximize},
          {"decoupled_weight_decay", &decoupled_}};
}

}  // namespace farro::optim
