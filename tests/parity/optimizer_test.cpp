// SPDX-License-Identifier: Apache-2.0
// Optimizers over ten steps on a small network, clipping, and the schedule that LibTorch's C++ API has. Parameters are
// f64. A step is about ten roundings and the gradients are far from Adam's eps, so ten steps of each side differ by
// some hundred eps at most: kSteps asks for less than 5000 of them.
#include <farro/kernels/loss/pair_loss.h>
#include <farro/kernels/matmul/matmul.h>
#include <farro/kernels/pointwise/arithmetic.h>
#include <farro/kernels/random/random.h>
#include <farro/optim/clip/clip.h>
#include <farro/optim/schedule/schedule.h>
#include <farro/tests/parity/compare.h>

#include <limits>

namespace farro::parity {
namespace {

constexpr double kSteps = 1e-12;

struct Optimizers : ::testing::Test {
  Optimizers() { manual_seed(1); }
  DefaultDTypeGuard guard{DType::f64};
};
using Clipping = Optimizers;
using Schedules = Optimizers;

// tanh(x W1^T + b1) W2^T + b2 on both sides, with equal parameters.
struct Network {
  Tensors ours{randn({8, 6}), randn({8}), randn({3, 8}), randn({3})};
  PeerTensors theirs;
  // Every other step has no use for the last bias, which then has no gradient.
  bool bias_left_out = false;

  Network() {
    for (Tensor& parameter : ours) {
      theirs.push_back(PeerTensor::copy_of(parameter).set_requires_grad());
      parameter.set_requires_grad();
    }
  }

  // One loss and its gradients; `sign` -1 turns the peer's minimum into a maximum.
  void backward(double sign = 1) {
    const Tensor x = randn({5, 6}), y = randn({5, 3});
    for (size_t i = 0; i < ours.size(); ++i) {
      ours[i].set_grad({});
      theirs[i].clear_grad();
    }
    const Tensor hidden = linear(x, ours[0], ours[1]).tanh();
    mse_loss(linear(hidden, ours[2], bias_left_out ? Tensor() : ours[3]), y).backward();
    const PeerTensor peer_hidden = aten("tanh", {aten("linear", {PeerTensor::copy_of(x), theirs[0], theirs[1]})});
    const PeerTensor output = aten("linear", {peer_hidden, theirs[2], bias_left_out ? PeerTensor() : theirs[3]});
    aten("mul.Scalar", {aten("mse_loss", {output, PeerTensor::copy_of(y)}), sign}).backward();
  }

  void expect_same(const std::string& what) const {
    for (size_t i = 0; i < ours.size(); ++i)
      expect_close(str(what, ", parameter ", i), ours[i].detach(), theirs[i].to_farro(), kSteps);
  }
  void expect_same_gradients(const std::string& what) const {
    for (size_t i = 0; i < ours.size(); ++i)
      expect_close(str(what, ", gradient ", i), ours[i].grad(), theirs[i].grad().to_farro(), kSteps);
  }
};

// Weights in one group, biases in another.
template <class Optimizer, class Options>
void expect_parity_of_steps(const std::string& what, const Options& weights, const Options& biases) {
  Network net;
  Optimizer ours(std::vector<optim::ParamGroup<Options>>{{{net.ours[0], net.ours[2]}, weights},
                                                         {{net.ours[1], net.ours[3]}, biases}});
  Options peer_weights = weights, peer_biases = biases;
  const double sign = weights.maximize ? -1 : 1;
  peer_weights.maximize = peer_biases.maximize = false;
  const PeerOptimizerPtr theirs = peer_optimizer(std::vector<PeerGroup<Options>>{
      {{net.theirs[0], net.theirs[2]}, peer_weights}, {{net.theirs[1], net.theirs[3]}, peer_biases}});
  for (int step = 0; step < 10; ++step) {
    net.bias_left_out = step % 2 == 1;
    net.backward(sign);
    ours.step();
    theirs->step();
    net.expect_same(str(what, ", step ", step));
  }
}

TEST_F(Optimizers, SGD) {
  using Options = optim::SGDOptions;
  const Options plain{.lr = 0.05};
  const auto check = [&](const char* what, const Options& weights, const Options& biases) {
    expect_parity_of_steps<optim::SGD>(what, weights, biases);
  };
  check("plain", plain, {.lr = 0.2});
  check("weight decay", {.lr = 0.05, .weight_decay = 0.1}, plain);
  check("momentum", {.lr = 0.05, .momentum = 0.9}, {.lr = 0.05, .momentum = 0.5});
  check("dampening", {.lr = 0.05, .momentum = 0.9, .dampening = 0.4, .weight_decay = 0.1}, plain);
  check("nesterov", {.lr = 0.05, .momentum = 0.9, .weight_decay = 0.1, .nesterov = true}, plain);
  check("maximize", {.lr = 0.01, .momentum = 0.9, .weight_decay = 0.1, .maximize = true},
        {.lr = 0.01, .maximize = true});
}

TEST_F(Optimizers, Adam) {
  using Options = optim::AdamOptions;
  const auto check = [](const char* what, const Options& weights, const Options& biases) {
    expect_parity_of_steps<optim::Adam>(what, weights, biases);
  };
  check("defaults", {}, {});
  check("two groups", {.lr = 0.05, .beta1 = 0.8, .beta2 = 0.99}, {.lr = 0.01, .eps = 1e-4});
  check("weight decay", {.lr = 0.05, .weight_decay = 0.1}, {.lr = 0.05});
  check("amsgrad", {.lr = 0.05, .weight_decay = 0.1, .amsgrad = true}, {.lr = 0.05, .amsgrad = true});
  check("amsgrad in one group", {.lr = 0.05, .amsgrad = true}, {.lr = 0.05});
  check("maximize", {.lr = 0.01, .weight_decay = 0.1, .maximize = true}, {.lr = 0.01, .maximize = true});
}

TEST_F(Optimizers, AdamW) {
  using Options = optim::AdamWOptions;
  const auto check = [](const char* what, const Options& weights, const Options& biases) {
    expect_parity_of_steps<optim::AdamW>(what, weights, biases);
  };
  check("defaults", {}, {});
  check("no decay of biases", {.lr = 0.05, .weight_decay = 0.2}, {.lr = 0.05, .weight_decay = 0});
  check("amsgrad", {.lr = 0.05, .beta1 = 0.8, .beta2 = 0.99, .amsgrad = true}, {.lr = 0.02, .eps = 1e-4});
  check("maximize", {.lr = 0.01, .maximize = true}, {.lr = 0.01, .maximize = true});
}

TEST_F(Clipping, ByNorm) {
  for (const double norm_type : {2.0, 1.0, 3.0, std::numeric_limits<double>::infinity()})
    for (const double max_norm : {1e-3, 0.5, 1e3}) {  // the last one clips nothing
      Network net;
      net.bias_left_out = true;
      net.backward();
      const std::string what = str("norm ", norm_type, " to ", max_norm);
      const Tensor ours = optim::clip_grad_norm_(net.ours, max_norm, {.norm_type = norm_type});
      const double theirs = peer_clip_grad_norm(net.theirs, max_norm, norm_type);
      EXPECT_NEAR(ours.item(), theirs, kSteps * theirs) << what;
      net.expect_same_gradients(what);
    }
}

TEST_F(Clipping, ByValue) {
  for (const double limit : {1e-2, 0.3}) {
    Network net;
    net.bias_left_out = true;
    net.backward();
    optim::clip_grad_value_(net.ours, limit);
    peer_clip_grad_value(net.theirs, limit);
    net.expect_same_gradients(str("to ", limit));
  }
}

// The other schedules of ours have no counterpart in LibTorch's C++ API. Its schedules count the step that is coming,
// so theirs is advanced before a step and ours behind it, as in PyTorch.
TEST_F(Schedules, StepLr) {
  Network net;
  optim::SGD ours(std::vector<optim::ParamGroup<optim::SGDOptions>>{{{net.ours[0], net.ours[2]}, {.lr = 0.1}},
                                                                    {{net.ours[1], net.ours[3]}, {.lr = 0.3}}});
  const PeerOptimizerPtr theirs = peer_optimizer(std::vector<PeerGroup<optim::SGDOptions>>{
      {{net.theirs[0], net.theirs[2]}, {.lr = 0.1}}, {{net.theirs[1], net.theirs[3]}, {.lr = 0.3}}});
  optim::Scheduler schedule(ours, optim::step_lr(3, 0.5));
  theirs->schedule_step_lr(3, 0.5);
  for (int step = 0; step < 10; ++step) {
    theirs->schedule_step();
    net.backward();
    ours.step();
    theirs->step();
    for (const size_t group : {0u, 1u})
      EXPECT_NEAR(schedule.lr(group), theirs->lr(group), kSteps) << "step " << step << ", group " << group;
    net.expect_same(str("step ", step));
    schedule.step();
  }
}

}  // namespace
}  // namespace farro::parity
