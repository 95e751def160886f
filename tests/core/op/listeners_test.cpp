// SPDX-License-Identifier: Apache-2.0
// Who listens hears every call: all forms, views, calls within calls, errors; several at once, and never after removal.
#include <farro/autograd/call/inplace.h>
#include <farro/autograd/call/mutate.h>
#include <farro/core/op/recorder.h>
#include <farro/core/profile/profile.h>
#include <farro/nn/layers/linear.h>
#include <farro/nn/module/summary.h>

#include "op_test.h"

#include <thread>

namespace farro {
namespace {

using namespace op_test;
using ::testing::ElementsAre;

struct Bump {
  static constexpr OpInfo info{.name = "bump"};
  static constexpr int kOutputs = 0;
  static constexpr const char* no_backward = "an op of the tests";
  struct Args {
    TensorList targets;
    static constexpr std::array names{"targets"};
  };
  static void check(const Args&) {}
  static std::array<TensorList, 1> changed(const Args& args) { return {args.targets}; }
  static Cost cost(const Args&) { return {}; }
};
void bump_kernel(Ctx&, const Bump::Args& args, Outputs<Bump>&) {
  for (const Tensor& tensor : args.targets) ++tensor.data<float>()[0];
}

// Its kernel calls another op, and throws for an empty tensor.
using Outer = Probe<48>;
void outer_kernel(Ctx& ctx, const Outer::Args& args, Outputs<Outer>& out) {
  ctx.scratch<float>(6);
  FARRO_CHECK(args.x.numel() > 0, ValueError, "outer: x must have elements");
  const no_grad guard;
  copy_elements(out[0], args.x + args.x);
}
struct Registered {
  Registered() {
    make_known<Bump>();
    make_known<Outer>();
    register_kernel<Bump>(DeviceType::cpu, &bump_kernel);
    register_kernel<Outer>(DeviceType::cpu, &outer_kernel);
  }
};

struct Listeners : testing::Test {
  Listeners() { static const Registered once; }
};

TEST_F(Listeners, HearEveryForm) {
  Tensor x = ones({2, 3});
  const Ear ear;
  const Tensor y = x + 1;
  x.mul_(2);
  x.narrow(1, 0, 2);
  call_mutating<Bump>({{&x, 1}});
  ASSERT_THAT(ear.names(), ElementsAre("add", "mul", "slice", "bump"));
  EXPECT_EQ(ear.begun(), 4u);
  EXPECT_EQ(ear.heard()[0].form, CallForm::plain);
  EXPECT_EQ(ear.heard()[1].form, CallForm::in_place);
  EXPECT_EQ(ear.heard()[2].form, CallForm::view);
  EXPECT_EQ(ear.heard()[3].form, CallForm::mutating);
  EXPECT_EQ(ear.heard()[0].variant, "generic");
  EXPECT_EQ(ear.heard()[2].variant, "");
  EXPECT_EQ(ear.heard()[3].args, "targets: [f32 [2, 3] cpu]");
}

TEST_F(Listeners, HearCallsWithinCallsAndWhatAKernelTook) {
  const Ear ear;
  call<Outer>({ones({2})});
  ASSERT_THAT(ear.names(), ElementsAre("fill", "add", Outer::info.name));
  EXPECT_EQ(ear.heard()[1].depth, 1);
  EXPECT_EQ(ear.heard()[2].depth, 0);
  EXPECT_EQ(ear.heard()[2].counts.scratch, 24);
}

TEST_F(Listeners, HearThatACallFailed) {
  const Tensor nothing = zeros({0}), x = ones({2});
  const Ear ear;
  EXPECT_THROW(call<Outer>({nothing}), ValueError);
  EXPECT_THROW(x + zeros({3}), ShapeError);  // refused before it began
  x + x;
  ASSERT_THAT(ear.names(), ElementsAre(Outer::info.name, "fill", "add"));
  EXPECT_TRUE(ear.heard()[0].failed);
  EXPECT_FALSE(ear.heard()[2].failed);
  EXPECT_EQ(ear.heard()[2].depth, 0);
  EXPECT_EQ(ear.begun(), ear.heard().size());
}

TEST_F(Listeners, HearMetaCalls) {
  const Tensor x = empty({3}, {.device = Device::meta()});
  const Ear ear;
  x* x;
  ASSERT_THAT(ear.names(), ElementsAre("mul"));
  EXPECT_EQ(ear.heard()[0].variant, "");
}

TEST_F(Listeners, ManyListenAtOnce) {
  nn::Linear net(nn::root, "net", {.in_features = 3, .out_features = 2});
  const Tensor x = ones({4, 3});
  Recorder recorder;
  const Ear first, second;
  start_profile();
  nn::Summary summary;
  {
    const auto recording = recorder.record();
    const no_grad guard;
    net(x);
    summary = nn::summary(net, {4, 3});
    x.narrow(0, 0, 2);
    call<Outer>({x});
  }
  const ProfileResult profile = stop_profile();
  EXPECT_EQ(first.names(), second.names());
  EXPECT_GT(summary.rows.at(0).cost.flops, 0);
  int64_t ranges = 0;
  for (const ProfileTotal& total : profile.totals)
    if (total.category == "op") ranges += total.count;
  EXPECT_EQ(ranges, static_cast<int64_t>(first.heard().size()));
  ASSERT_EQ(recorder.size(), 2u);  // neither meta tensors, views nor calls within calls
  EXPECT_STREQ(recorder.calls()[0].name(), "linear");
  EXPECT_STREQ(recorder.calls()[1].name(), Outer::info.name);
}

TEST_F(Listeners, AddedTwiceHearOnce) {
  Ear ear;
  add_call_listener(ear);
  zeros({1});
  EXPECT_EQ(ear.heard().size(), 1u);
  remove_call_listener(ear);
  remove_call_listener(ear);
  zeros({1});
  EXPECT_EQ(ear.heard().size(), 1u);
}

TEST_F(Listeners, WhoCameDuringACallDoesNotHearItsEnd) {
  using Op = Probe<49>;
  static std::unique_ptr<Ear> late;
  make_known<Op>();
  register_kernel<Op>(DeviceType::cpu, [](Ctx&, const Op::Args&, Outputs<Op>&) { late = std::make_unique<Ear>(); });
  const Ear ear;  // so that the call is a heard one
  call<Op>({zeros({1})});
  EXPECT_TRUE(late->heard().empty());
  zeros({1});
  EXPECT_EQ(late->heard().size(), 1u);
  late.reset();
}

TEST(ListenersThreads, RemovalWaitsForCallsOnOtherThreads) {
  struct Checker final : CallListener {
    std::atomic<bool>& gone;
    std::atomic<int>& wrong;
    std::atomic<int> heard{0};
    Checker(std::atomic<bool>& g, std::atomic<int>& w) : gone(g), wrong(w) {}
    void begin(const CallEvent&) noexcept override { wrong += gone, ++heard; }
    void end(const CallEvent&) noexcept override { wrong += gone; }
  };
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t)
    threads.emplace_back([&] {
      const Tensor x = ones({4});
      while (!stop) x + x;
    });
  for (int round = 0; round < 50; ++round) {
    std::atomic<bool> gone{false};
    {
      Checker checker(gone, wrong);
      add_call_listener(checker);
      while (checker.heard == 0) std::this_thread::yield();
      remove_call_listener(checker);
      gone = true;
    }
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace farro
