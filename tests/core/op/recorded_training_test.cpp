// SPDX-License-Identifier: Apache-2.0
// Whole training steps with dropout, clipping and a schedule, recorded once: with optimizer and generator in their
// capturable form the replays are the steps that the ordinary form makes, to the bit.
#include <farro/autograd/engine/engine.h>
#include <farro/autograd/engine/recompute.h>
#include <farro/core/op/recorder.h>
#include <farro/core/random/generator.h>
#include <farro/kernels/loss/pair_loss.h>
#include <farro/kernels/pointwise/activation.h>
#include <farro/kernels/random/dropout.h>
#include <farro/kernels/random/random.h>
#include <farro/kernels/reduce/digest.h>
#include <farro/kernels/reduce/sum.h>
#include <farro/nn/layers/dropout.h>
#include <farro/nn/layers/linear.h>
#include <farro/optim/clip/clip.h>
#include <farro/optim/optimizers/adagrad.h>
#include <farro/optim/optimizers/adam.h>
#include <farro/optim/optimizers/rmsprop.h>
#include <farro/optim/optimizers/sgd.h>
#include <farro/optim/schedule/schedule.h>

#include "op_test.h"

#include <functional>
#include <memory>
#include <set>

namespace farro {
namespace {

using MakeOptimizer = std::function<std::unique_ptr<optim::Optimizer>(std::vector<Tensor>)>;

// Puts the default generator back into the ordinary form.
struct GeneratorForm {
  explicit GeneratorForm(Generator& generator) : generator_(generator) {}
  ~GeneratorForm() { generator_.set_capturable(false); }
  Generator& generator_;
};

struct Net : nn::Module {
  Net() : nn::Module(nn::root, "net") {}
  nn::Linear in{*this, "in", {.in_features = 6, .out_features = 16}};
  nn::Dropout dropout{*this, "dropout", {.p = 0.3}};
  nn::Linear out{*this, "out", {.in_features = 16, .out_features = 3}};
  bool again = false;  // recompute the hidden layer in the backward pass
  Tensor forward(const Tensor& x) override {
    const auto hidden = [this](const Tensor& h) { return dropout(relu(in(h))); };
    return out(again ? recompute(hidden, x) : hidden(x));
  }
};

struct Training {
  const uint64_t seed = (manual_seed(5), 5);
  Net net;
  std::unique_ptr<optim::Optimizer> optimizer;
  optim::Scheduler schedule;
  Tensor x = zeros({4, 6}), y = zeros({4, 3}), loss;

  explicit Training(const MakeOptimizer& make)
      : optimizer(make(net.parameters())), schedule(*optimizer, optim::cosine_annealing_lr(6, 1e-4)) {}
  void load(int number) {
    Generator generator(static_cast<uint64_t>(number) + 100);
    x.copy_(randn({4, 6}, {}, &generator));
    y.copy_(randn({4, 3}, {}, &generator));
  }
  void step() {
    optimizer->zero_grad();
    loss = mse_loss(net(x), y);
    loss.backward();
    optim::clip_grad_norm_(optimizer->parameters(), 0.5);
    optimizer->step();
  }
  int64_t digest() const { return farro::digest(std::vector{loss, optim::digest(*optimizer)}).item<int64_t>(); }
};

struct Trace {
  std::vector<int64_t> digests;
  PhiloxState random;
  StateDict optimizer;
};

enum class Way { ordinary, capturable, replayed };

// `first`: the step that is recorded.
Trace train(const MakeOptimizer& make, Way way, int first = 1, bool again = false) {
  Training training(make);
  training.net.again = again;
  Generator& generator = default_generator();
  const GeneratorForm restored(generator);
  generator.set_state({.seed = 7, .stream = 1, .offset = 40});
  if (way != Way::ordinary) {
    training.optimizer->set_capturable();
    generator.set_capturable();
  }
  Recorder recorder;
  Trace trace;
  for (int i = 0; i < 6; ++i) {
    training.load(i);
    if (way != Way::replayed || i < first) {
      training.step();
    } else if (i == first) {
      const auto recording = recorder.record();
      training.step();
    } else {
      recorder.replay();
    }
    training.schedule.step();
    trace.digests.push_back(training.digest());
  }
  trace.random = generator.state();
  trace.optimizer = training.optimizer->state_dict();
  return trace;
}

void expect_same(const Trace& a, const Trace& b) {
  EXPECT_EQ(a.digests, b.digests);
  EXPECT_EQ(std::set<int64_t>(a.digests.begin(), a.digests.end()).size(), a.digests.size());
  EXPECT_EQ(to_string(a.random), to_string(b.random));
  ASSERT_EQ(a.optimizer.entries().size(), b.optimizer.entries().size());
  for (const auto& [name, tensor] : a.optimizer) {
    const Tensor* other = b.optimizer.find(name);
    ASSERT_NE(other, nullptr) << name;
    EXPECT_EQ(tensor.to_vector<double>(), other->to_vector<double>()) << name;
  }
}

template <class Optimizer>
MakeOptimizer make(const typename Optimizer::Options& options) {
  return [options](std::vector<Tensor> params) { return std::make_unique<Optimizer>(std::move(params), options); };
}

const std::pair<const char*, MakeOptimizer> kOptimizers[] = {
    {"SGD", make<optim::SGD>({.lr = 0.1, .weight_decay = 1e-3})},
    {"SGD with momentum", make<optim::SGD>({.lr = 0.1, .momentum = 0.9, .dampening = 0.1, .nesterov = false})},
    {"Adam", make<optim::Adam>({.lr = 0.02, .amsgrad = true})},
    {"AdamW", make<optim::AdamW>({.lr = 0.02, .weight_decay = 0.1})},
    {"RMSprop", make<optim::RMSprop>({.lr = 0.01, .momentum = 0.5, .centered = true})},
    {"Adagrad", make<optim::Adagrad>({.lr = 0.05, .lr_decay = 0.1})},
};

TEST(RecordedTraining, ReplaysAreTheStepsOfTheOrdinaryForm) {
  for (const auto& [name, optimizer] : kOptimizers) {
    SCOPED_TRACE(name);
    const Trace plain = train(optimizer, Way::ordinary);
    expect_same(plain, train(optimizer, Way::capturable));
    expect_same(plain, train(optimizer, Way::replayed));
  }
}

// States and counts that the recording makes are made once, so even a first step can be recorded.
TEST(RecordedTraining, TheFirstStepCanBeRecorded) {
  const MakeOptimizer adamw = make<optim::AdamW>({.lr = 0.02});
  expect_same(train(adamw, Way::ordinary), train(adamw, Way::replayed, 0));
}

TEST(RecordedTraining, RecomputedDropoutIsReplayed) {
  const MakeOptimizer adamw = make<optim::AdamW>({.lr = 0.02});
  const Trace plain = train(adamw, Way::ordinary, 1, true);
  expect_same(plain, train(adamw, Way::replayed, 1, true));
  expect_same(plain, train(adamw, Way::ordinary, 1, false));
}

// A parameter that sits out steps keeps its own count, also where the recorded step is the one that parts them.
TEST(RecordedTraining, ParametersThatMissStepsKeepTheirCounts) {
  const auto run = [](bool capturable) {
    Tensor a = ones({3}), b = full({2}, 2.0);
    a.set_requires_grad();
    b.set_requires_grad();
    optim::Adam adam({a, b}, {.lr = 0.1});
    adam.set_capturable(capturable);
    Recorder recorder;
    for (int i = 0; i < 6; ++i) {
      const bool both = i == 0 || i > 3;
      const auto step = [&] {
        adam.zero_grad();
        Tensor loss = (a * a).sum();
        if (both) loss = loss + (b * b * b).sum();
        loss.backward();
        adam.step();
      };
      if (capturable && i == 1) {
        const auto recording = recorder.record();
        step();
      } else if (capturable && !both) {
        recorder.replay();
      } else {
        step();
      }
    }
    StateDict state = adam.state_dict();
    state.set("a", a.detach());
    state.set("b", b.detach());
    return state;
  };
  const StateDict plain = run(false), replayed = run(true);
  EXPECT_EQ(plain.integer("state.0.step"), 6);
  EXPECT_EQ(plain.integer("state.1.step"), 3);
  for (const auto& [name, tensor] : plain)
    EXPECT_EQ(tensor.to_vector<double>(), replayed.find(name)->to_vector<double>()) << name;
}

TEST(RecordedTraining, StateDictsOfBothFormsAreInterchangeable) {
  for (const bool from : {false, true}) {
    Training source(make<optim::AdamW>({.lr = 0.02})), target(make<optim::AdamW>({.lr = 0.5}));
    source.optimizer->set_capturable(from);
    target.optimizer->set_capturable(!from);
    for (int i = 0; i < 3; ++i) {
      source.load(i);
      source.step();
    }
    target.load(9);
    target.step();  // gives it states of its own
    target.net.load_state_dict(source.net.state_dict());
    target.optimizer->load_state_dict(source.optimizer->state_dict());
    EXPECT_EQ(target.optimizer->state_dict().integer("state.0.step"), 3);
    EXPECT_EQ(target.optimizer->lr(), source.optimizer->lr());
    for (Training* training : {&source, &target}) {
      manual_seed(11);
      training->load(4);
      training->step();
      training->optimizer->set_capturable(!training->optimizer->capturable());
      training->load(5);
      training->step();
    }
    EXPECT_EQ(source.digest(), target.digest());
  }
}

TEST(RecordedTraining, AGeneratorGivesTheSameNumbersInBothForms) {
  Generator plain(17), capturable(17);
  capturable.set_capturable();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(randn({5}, {}, &plain).to_vector<double>(), randn({5}, {}, &capturable).to_vector<double>());
    EXPECT_EQ(randperm(9, {}, &plain).to_vector<double>(), randperm(9, {}, &capturable).to_vector<double>());
    EXPECT_EQ(plain.state(), capturable.state());
    EXPECT_EQ(plain.child(3), capturable.child(3));
  }
  const PhiloxState before = capturable.state();
  const std::vector<double> drawn = rand({6}, {}, &capturable).to_vector<double>();
  capturable.set_state(before);
  EXPECT_EQ(rand({6}, {}, &capturable).to_vector<double>(), drawn);
  capturable.set_capturable(false);
  capturable.set_state(before);
  EXPECT_EQ(rand({6}, {}, &capturable).to_vector<double>(), drawn);
}

// Two groups with rates of their own, of which a digest sees every state.
TEST(RecordedTraining, ADigestIsOfAllGroups) {
  Tensor a = ones({3}), b = full({2}, 2.0);
  a.set_requires_grad();
  b.set_requires_grad();
  optim::Adam adam({{{a}, {.lr = 0.1}}, {{b}, {.lr = 0.2}}});
  ((a * a).sum() + (b * b).sum()).backward();
  adam.step();
  const auto now = [&] { return optim::digest(adam).item<int64_t>(); };
  const int64_t before = now();
  const StateDict state = adam.state_dict();
  for (const Tensor& part : {a.detach(), b.detach(), a.grad(), b.grad(), *state.find("state.0.exp_avg"),
                             *state.find("state.1.exp_avg_sq")}) {
    Tensor element = part.detach().narrow(0, 1, 1);
    const double value = part.to_vector<double>()[1];
    element.fill_(value + 1);
    EXPECT_NE(now(), before);
    element.fill_(value);
    EXPECT_EQ(now(), before);
  }
}

// Where a device (or the host SIMT runtime) answers: what has kernels there draws, steps and counts there.
TEST(RecordedTraining, StepsOnADevice) {
  if (cuda_device_count() == 0) GTEST_SKIP() << cuda_unavailable_reason();
  const Device device = Device::cuda();
  const auto run = [&](bool replayed) {
    Generator generator(23);
    Tensor w = full({8}, 0.5, {.device = device});
    w.set_requires_grad();
    optim::RMSprop rmsprop({w}, {.lr = 0.1});
    optim::Scheduler schedule(rmsprop, optim::exponential_lr(0.7));
    rmsprop.set_capturable(replayed);
    generator.set_capturable(replayed);
    Recorder recorder;
    std::vector<int64_t> digests;
    for (int i = 0; i < 4; ++i) {
      const auto step = [&] {
        rmsprop.zero_grad();
        const Tensor h = dropout(w * w + 1, 0.4, true, &generator);
        (h * h).sum().backward();
        rmsprop.step();
      };
      if (!replayed || i == 0) {
        step();
      } else if (i == 1) {
        const auto recording = recorder.record();
        step();
      } else {
        recorder.replay();
      }
      schedule.step();
      digests.push_back(optim::digest(rmsprop).item<int64_t>());
    }
    const StateDict state = rmsprop.state_dict();
    EXPECT_EQ(digests.back(),
              digest(std::vector{w.to(Device::cpu()), w.grad().to(Device::cpu()),
                                 state.find("state.0.square_avg")->to(Device::cpu()), Tensor(), Tensor()})
                  .item<int64_t>());
    return std::pair{digests, generator.state()};
  };
  EXPECT_EQ(run(false), run(true));
}

struct PlainOptions {
  double lr = 0.1;
};
const optim::OptimizerInfo<PlainOptions>& plain_info() {
  static const optim::OptimizerInfo<PlainOptions> info{.name = "Plain", .options = {{"lr", &PlainOptions::lr}}};
  return info;
}
class Plain final : public optim::OptimizerOf<PlainOptions> {
 public:
  explicit Plain(std::vector<Tensor> params) : OptimizerOf(plain_info(), std::move(params), PlainOptions()) {}

 private:
  void update(const PlainOptions&, const Batch&) override {}
};

TEST(RecordedTraining, WhatHasNoCapturableForm) {
  Plain plain({zeros({2}).set_requires_grad()});
  EXPECT_EQ(op_test::error_of<ValueError>([&] {
              plain.set_capturable();
              return 0;
            }),
            "Plain: optimizer must have a capturable form, got one whose update() takes numbers only");
  EXPECT_FALSE(plain.capturable());
  Generator generator;
  generator.set_capturable();
  rand({2}, {}, &generator);
  EXPECT_THROW(generator.offset_on(Device::meta()), DeviceError);
}

}  // namespace
}  // namespace farro
