// SPDX-License-Identifier: Apache-2.0
// Optimizers, a schedule and clipping of the peer.
#include <farro/tests/parity/peer/bridge.h>

#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/schedulers/step_lr.h>
#include <torch/optim/sgd.h>
#include <torch/utils.h>

#include <torch/nn/utils/clip_grad.h>

#include <stdexcept>
#include <tuple>

namespace farro::parity {

namespace {

void refuse_maximize(bool maximize) {
  if (maximize) throw std::invalid_argument("LibTorch's C++ optimizers do not maximize");
}

torch::optim::SGDOptions to_peer(const optim::SGDOptions& o) {
  refuse_maximize(o.maximize);
  return torch::optim::SGDOptions(o.lr)
      .momentum(o.momentum)
      .dampening(o.dampening)
      .weight_decay(o.weight_decay)
      .nesterov(o.nesterov);
}

template <class Theirs, class Ours>
Theirs adam_options(const Ours& o) {
  refuse_maximize(o.maximize);
  return Theirs(o.lr)
      .betas(std::make_tuple(o.beta1, o.beta2))
      .eps(o.eps)
      .weight_decay(o.weight_decay)
      .amsgrad(o.amsgrad);
}
torch::optim::AdamOptions to_peer(const optim::AdamOptions& o) { return adam_options<torch::optim::AdamOptions>(o); }
torch::optim::AdamWOptions to_peer(const optim::AdamWOptions& o) { return adam_options<torch::optim::AdamWOptions>(o); }

template <class Optimizer>
class Holder final : public PeerOptimizer {
 public:
  template <class Defaults>
  Holder(std::vector<torch::optim::OptimizerParamGroup> groups, const Defaults& defaults)
      : optimizer_(std::move(groups), defaults) {}
  void step() override { optimizer_.step(); }
  double lr(size_t group) const override { return optimizer_.param_groups().at(group).options().get_lr(); }
  void schedule_step_lr(unsigned step_size, double gamma) override {
    schedule_ = std::make_unique<torch::optim::StepLR>(optimizer_, step_size, gamma);
  }
  void schedule_step() override { schedule_->step(); }

 private:
  Optimizer optimizer_;
  std::unique_ptr<torch::optim::StepLR> schedule_;
};

template <class Optimizer, class Options>
PeerOptimizerPtr hold(const std::vector<PeerGroup<Options>>& groups) {
  using Theirs = decltype(to_peer(Options()));
  std::vector<torch::optim::OptimizerParamGroup> theirs;
  for (const auto& group : groups)
    theirs.emplace_back(unwrap(group.params), std::make_unique<Theirs>(to_peer(group.options)));
  return std::make_unique<Holder<Optimizer>>(std::move(theirs), to_peer(groups.at(0).options));
}

}  // namespace

PeerOptimizerPtr peer_optimizer(const std::vector<PeerGroup<optim::SGDOptions>>& groups) {
  return hold<torch::optim::SGD>(groups);
}
PeerOptimizerPtr peer_optimizer(const std::vector<PeerGroup<optim::AdamOptions>>& groups) {
  return hold<torch::optim::Adam>(groups);
}
PeerOptimizerPtr peer_optimizer(const std::vector<PeerGroup<optim::AdamWOptions>>& groups) {
  return hold<torch::optim::AdamW>(groups);
}

double peer_clip_grad_norm(const PeerTensors& params, double max_norm, double norm_type) {
  return torch::nn::utils::clip_grad_norm_(unwrap(params), max_norm, norm_type);
}
void peer_clip_grad_value(const PeerTensors& params, double limit) {
  torch::nn::utils::clip_grad_value_(unwrap(params), limit);
}

}  // namespace farro::parity
