// SPDX-License-Identifier: Apache-2.0
// Recorded training steps run again to the bit, on new data and from a state that was put back.
#include <farro/autograd/call/autocast.h>
#include <farro/autograd/engine/engine.h>
#include <farro/core/op/recorder.h>
#include <farro/core/random/generator.h>
#include <farro/core/storage/allocation_fault.h>
#include <farro/kernels/conv/conv.h>
#include <farro/kernels/index/indexing.h>
#include <farro/kernels/loss/cross_entropy.h>
#include <farro/kernels/pointwise/activation.h>
#include <farro/kernels/pointwise/unary.h>
#include <farro/kernels/random/random.h>
#include <farro/nn/layers/batch_norm.h>
#include <farro/nn/layers/conv.h>
#include <farro/nn/layers/dropout.h>
#include <farro/nn/layers/linear.h>
#include <farro/nn/layers/pool.h>
#include <farro/optim/optimizers/adam.h>
#include <farro/optim/optimizers/sgd.h>

#include "op_test.h"

#include <cmath>
#include <cstring>
#include <optional>
#include <thread>

namespace farro {
namespace {

using namespace op_test;
using ::testing::ElementsAre;

std::vector<double> values(const Tensor& t) { return t.to_vector<double>(); }

// "" where all bits are equal.
std::string difference(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  if (a.size() != b.size()) return "not as many tensors";
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i].defined() != b[i].defined()) return str("tensor ", i, ": one is undefined");
    if (!a[i].defined()) continue;
    const Tensor x = a[i].contiguous(), y = b[i].contiguous();
    if (x.nbytes() != y.nbytes() || std::memcmp(x.raw_data(), y.raw_data(), x.nbytes()) != 0)
      return str("tensor ", i, ": ", x, " and ", y);
  }
  return "";
}

struct Net : nn::Module {
  Net() : nn::Module(nn::root, "net") {}
  nn::Conv2d conv1{*this, "conv1", {.in_channels = 1, .out_channels = 4, .kernel_size = 3, .padding = 1}};
  nn::BatchNorm2d norm{*this, "norm", {.num_features = 4}};
  nn::Conv2d conv2{*this, "conv2", {.in_channels = 4, .out_channels = 6, .kernel_size = 3}};
  nn::Dropout dropout{*this, "dropout", {.p = 0.3}};
  nn::Linear out{*this, "out", {.in_features = 6 * 9, .out_features = 5}};
  Tensor forward(const Tensor& x) override {
    Tensor h = max_pool2d(relu(norm(conv1(x))), {.kernel_size = {2}});
    h = relu(conv2(h));
    return out(dropout(h.flatten(1)));
  }
};

// A net with its optimizer and the memory that batches are copied to.
template <class Optimizer, class Options>
struct Training {
  const uint64_t seed = (manual_seed(3), 3);
  Net net;
  Optimizer optimizer;
  bool mixed = false;  // precision
  Tensor x = zeros({8, 1, 10, 10}), y = zeros({8}, {.dtype = DType::i64}), loss;

  explicit Training(const Options& options) : optimizer(net.parameters(), options) {}
  void load(int number) {
    Generator generator;
    generator.manual_seed(static_cast<uint64_t>(number));
    x.copy_(randn({8, 1, 10, 10}, {}, &generator));
    y.copy_(randint(0, 5, {8}, {.dtype = DType::i64}, &generator));
  }
  void step() {
    optimizer.zero_grad();
    {
      std::optional<autocast> scope;
      if (mixed) scope.emplace(DType::bf16);
      loss = cross_entropy(net(x), y);
    }
    loss.backward();
    optimizer.step();
  }
  std::vector<Tensor> results() const {
    std::vector<Tensor> all{loss};
    for (const Tensor& parameter : net.parameters()) all.push_back(parameter), all.push_back(parameter.grad());
    for (const Tensor& buffer : net.buffers()) all.push_back(buffer);
    // Not the numbers of its steps, which it counts on the host.
    for (const auto& [name, tensor] : optimizer.state_dict())
      if (is_floating(tensor.dtype())) all.push_back(tensor);
    return all;
  }
};

std::vector<Tensor> copies(const std::vector<Tensor>& tensors) {
  const no_grad guard;
  std::vector<Tensor> copied;
  for (const Tensor& tensor : tensors) copied.push_back(tensor.defined() ? tensor.detach().clone() : tensor);
  return copied;
}
void restore(const std::vector<Tensor>& to, const std::vector<Tensor>& from) {
  const no_grad guard;
  for (size_t i = 0; i < to.size(); ++i)
    if (to[i].defined()) Tensor(to[i]).copy_(from[i]);
}

using Sgd = Training<optim::SGD, optim::SGDOptions>;

// One does its steps, the other records its second and replays it.
void check_steps(bool mixed) {
  const optim::SGDOptions options{.lr = 0.05, .momentum = 0.9, .weight_decay = 1e-3};
  Sgd plain(options), recorded(options);
  plain.mixed = recorded.mixed = mixed;
  Recorder recorder;
  for (int i = 0; i < 5; ++i) {
    for (Sgd* training : {&plain, &recorded}) {
      training->load(i);
      // The numbers that the recording repeats.
      default_generator().set_state({.seed = 7, .offset = i == 0 ? 0u : 1000u});
      if (training == &plain || i == 0) {
        training->step();
      } else if (i == 1) {
        const auto recording = recorder.record();
        training->step();
      } else {
        recorder.replay();
      }
    }
    ASSERT_EQ(difference(plain.results(), recorded.results()), "") << "step " << i;
  }
  EXPECT_GT(recorder.size(), 20u);
  EXPECT_GT(recorder.bytes(), 0u);
}
TEST(Recorder, ReplayedStepsWithNewDataAreStepsToTheBit) { check_steps(false); }
TEST(Recorder, MixedPrecisionIsReplayedToTheBit) { check_steps(true); }

TEST(Recorder, AdamFromTheSameStateGivesTheSameBits) {
  Training<optim::Adam, optim::AdamOptions> training(optim::AdamOptions{.lr = 0.01, .amsgrad = true});
  training.load(1);
  training.step();
  // Parameters, buffers and the optimizer's moments: what a step changes.
  struct Moments final : CallListener, ArgVisitor {
    std::vector<Tensor> found;
    Moments() { add_call_listener(*this); }
    ~Moments() override { remove_call_listener(*this); }
    void begin(const CallEvent&) noexcept override {}
    void end(const CallEvent& event) noexcept override {
      if (event.form == CallForm::mutating) event.visit(*this);
    }
    void tensor(std::string_view, const Tensor&) override {}
    void tensors(std::string_view name, TensorList list) override {
      if (name != "grads") found.insert(found.end(), list.begin(), list.end());
    }
    void integer(std::string_view, int64_t) override {}
    void boolean(std::string_view, bool) override {}
    void real(std::string_view, double) override {}
    void integers(std::string_view, std::span<const int64_t>) override {}
    void scalar(std::string_view, const Scalar&) override {}
    void dtype(std::string_view, DType) override {}
    void device(std::string_view, Device) override {}
  };
  std::vector<Tensor> state;
  {
    const Moments moments;
    training.step();
    state = moments.found;
  }
  EXPECT_EQ(state.size(), 4 * training.net.parameters().size());
  for (const Tensor& buffer : training.net.buffers()) state.push_back(buffer);
  const std::vector<Tensor> before = copies(state);
  Recorder recorder;
  {
    const auto recording = recorder.record();
    training.step();
  }
  const std::vector<Tensor> after = copies(training.results());
  for (int i = 0; i < 3; ++i) {
    restore(state, before);
    for (const Tensor& parameter : training.net.parameters()) parameter.grad().fill_(NAN);
    recorder.replay();
    EXPECT_EQ(difference(after, training.results()), "");
  }
}

TEST(Recorder, KeepsOutermostCallsOfItsThread) {
  Tensor x = ones({2, 3});
  const Tensor four = zeros({4}), meta = empty({2}, {.device = Device::meta()});
  Recorder recorder;
  {
    const auto recording = recorder.record();
    x.add_(1);
    const Tensor y = x.narrow(1, 0, 2) * 3;
    std::thread([&] { x* x; }).join();
    EXPECT_THROW(x + four, ShapeError);
    meta + 1;
  }
  x* x;
  ASSERT_EQ(recorder.size(), 2u);
  EXPECT_STREQ(recorder.calls()[0].name(), "add");
  EXPECT_EQ(recorder.calls()[0].form(), CallForm::in_place);
  EXPECT_EQ(recorder.calls()[1].form(), CallForm::plain);
  EXPECT_THAT(recorder.calls()[1].describe(), testing::StartsWith("a: f32 [2, 2] cpu, b: "));
  EXPECT_STREQ(recorder.calls()[1].variant(), "generic");
  EXPECT_EQ(recorder.calls()[1].outputs()[0].sizes(), (Shape{2, 2}));
  EXPECT_EQ(recorder.bytes(), 16u);
  {
    const auto recording = recorder.record();  // goes on
    x.mul_(2);
  }
  EXPECT_EQ(recorder.size(), 3u);
  recorder.replay();
  EXPECT_EQ(values(x), std::vector<double>(6, 10));  // ((1 + 1) * 2 + 1) * 2
  recorder.clear();
  EXPECT_EQ(recorder.size() + recorder.bytes(), 0u);
  recorder.replay();
  EXPECT_EQ(values(x), std::vector<double>(6, 10));
}

TEST(Recorder, MisuseIsAnError) {
  Recorder recorder;
  const auto recording = recorder.record();
  EXPECT_EQ(error_of<ValueError>([&] {
              const auto second = recorder.record();
              return 0;
            }),
            "Recorder: record() must not be called while it records");
  EXPECT_EQ(error_of<ValueError>([&] { return recorder.replay(), 0; }),
            "Recorder: replay() must not be called while it records");
  EXPECT_EQ(error_of<ValueError>([&] { return recorder.clear(), 0; }),
            "Recorder: clear() must not be called while it records");
}

TEST(Recorder, ChangesAreSeenByGraphs) {
  const Tensor x = tensor({1, 2}).set_requires_grad(), input = tensor({3, 4});
  Recorder recorder;
  Tensor y;
  {
    const auto recording = recorder.record();
    y = (x * input).exp();
  }
  const uint32_t version = y.version();
  recorder.replay();
  EXPECT_GT(y.version(), version);
  EXPECT_THROW(y.backward(tensor({1, 1})), AutogradError);  // its saved result was written again
}

TEST(Recorder, AnInPlaceChangeOfWhatItSavesIsRepeated) {
  const Tensor w = tensor({1, 2}).set_requires_grad(), input = tensor({3, 4});
  Recorder recorder;
  {
    const auto recording = recorder.record();
    Tensor y = w * input;
    y.mul_(y);  // y before it is kept for backward, as a copy
    y.backward(tensor({1, 1}));
  }
  EXPECT_EQ(values(w.grad()), (std::vector<double>{18, 64}));  // 2 w input^2
  Tensor(input).copy_(tensor({1, 2}));
  recorder.replay();
  EXPECT_EQ(values(w.grad()), (std::vector<double>{2, 16}));
}

TEST(Recorder, MatricesMadeOnTheWayKeepTheirValues) {
  Tensor x = ones({3}), y;
  Recorder recorder;
  {
    const auto recording = recorder.record();
    y = eye(3) * x + arange(3).to(DType::f32) + linspace(0, 1, 3);
  }
  const std::vector<double> before = values(y);
  recorder.replay();
  EXPECT_EQ(values(y), before);
  x.fill_(2);
  recorder.replay();
  EXPECT_EQ(values(y), (std::vector<double>{2, 1.5, 3, 0, 3.5, 3, 0, 1.5, 5}));
}

TEST(Recorder, RunsTheVariantThatRan) {
  const Tensor x = randn({2, 3, 8, 8}), weight = randn({4, 3, 3, 3});
  Recorder recorder;
  Tensor y;
  {
    const auto recording = recorder.record();
    const VariantScope generic("conv", "generic");
    y = conv2d(x, weight);
  }
  const std::vector<Tensor> before = copies({y});
  y.zero_();
  const VariantScope onednn("conv", "onednn");
  recorder.replay();
  EXPECT_EQ(difference(before, {y}), "");
}

TEST(Recorder, InputsThatTheCallOverwritesAreReadFirst) {
  Tensor x = tensor({1, 2, 3, 4});
  Recorder recorder;
  {
    const auto recording = recorder.record();
    x.narrow(0, 1, 3).add_(x.narrow(0, 0, 3));
  }
  EXPECT_EQ(values(x), (std::vector<double>{1, 3, 5, 7}));
  recorder.replay();
  EXPECT_EQ(values(x), (std::vector<double>{1, 4, 8, 12}));
}

TEST(Recorder, AnErrorOfAKernelComesThrough) {
  Tensor target = tensor({0, 1}).to(DType::i64);
  const Tensor logits = ones({2, 2});
  Recorder recorder;
  {
    const auto recording = recorder.record();
    cross_entropy(logits, target);
  }
  target.fill_(5);
  EXPECT_THROW(recorder.replay(), IndexError);
  target.fill_(1);
  recorder.replay();
}

// Whatever allocation fails, a recording that lacks a call does not run.
TEST(Recorder, MemoryThatRunsOutIsAnErrorOfTheCallOrOfTheReplay) {
  const Tensor x = ones({3});
  int of_call = 0, of_replay = 0, of_none = 0;
  for (int at = 0; at < 12; ++at) {
    Recorder recorder;
    bool failed = false;
    {
      const auto recording = recorder.record();
      const AllocationFault fault(at);
      try {
        x* x;
      } catch (const OutOfMemoryError&) {
        failed = true;
      }
    }
    try {
      recorder.replay();
      EXPECT_EQ(recorder.size(), failed ? 0u : 1u);
      ++(failed ? of_call : of_none);
    } catch (const OutOfMemoryError&) {
      ++of_replay;
    }
  }
  EXPECT_GT(of_call, 0);
  EXPECT_GT(of_replay, 0);
  EXPECT_GT(of_none, 0);
}

TEST(Recorder, ADynamicShapeThatChangedIsAnError) {
  Tensor mask = tensor({1, 0, 1}).to(DType::boolean);
  const Tensor x = tensor({1, 2, 3});
  Recorder recorder;
  {
    const auto recording = recorder.record();
    x.index({mask});
  }
  mask.fill_(true);
  EXPECT_THROW(recorder.replay(), ValueError);
}

}  // namespace
}  // namespace farro
