// SPDX-License-Identifier: Apache-2.0
// Which variant runs: rank, supports(), compute capability, and what process, thread and environment force.
#include <farro/kernels/conv/conv.h>

#include "op_test.h"

#include <cstdlib>
#include <thread>

namespace farro {
namespace {

using namespace op_test;
using ::testing::ElementsAre;

template <class Op>
float run(const Shape& sizes) {
  return call<Op>({zeros(sizes)}).template to_vector<float>().at(0);
}
template <class Op>
std::vector<std::string> variants() {
  std::vector<std::string> names;
  for (const OpEntry& op : all_ops())
    if (std::string_view(op.info().name) == Op::info.name)
      for (const VariantInfo& info : op.variants(DeviceType::cpu)) names.push_back(info.name);
  return names;
}
template <class Op>
void add(const VariantInfo& info, Kernel<Op> kernel, Supports<Op> supports = nullptr) {
  register_kernel<Op>(DeviceType::cpu, kernel, info, supports);
}

// slow (1, anything), pairs (2, even sizes), fours (3, multiples of four)
template <class Op>
void add_three() {
  if (!variants<Op>().empty()) return;
  make_known<Op>();
  add<Op>({.name = "slow", .rank = 50}, &mark<Op, 1>);
  add<Op>({.name = "fours", .rank = 1}, &mark<Op, 3>, [](const typename Op::Args& a) { return a.x.numel() % 4 == 0; });
  add<Op>({.name = "pairs", .rank = 7}, &mark<Op, 2>, [](const typename Op::Args& a) { return a.x.numel() % 2 == 0; });
}

TEST(Variants, TheLowestRankThatSupportsTheCallRuns) {
  using Op = Probe<0>;
  add_three<Op>();
  EXPECT_THAT(variants<Op>(), ElementsAre("fours", "pairs", "slow"));
  EXPECT_EQ(run<Op>({8}), 3);
  EXPECT_EQ(run<Op>({6}), 2);
  EXPECT_EQ(run<Op>({5}), 1);
}

TEST(Variants, ANameOrRankTwiceIsAnErrorThatChangesNothing) {
  using Op = Probe<1>;
  make_known<Op>();
  add<Op>({.name = "one", .rank = 4}, &mark<Op, 1>);
  EXPECT_EQ(
      error_of<InternalError>([] { return add<Op>({.name = "one", .rank = 5}, &mark<Op, 2>), 0; }),
      "internal error: variants of probe_ab on cpu must differ in name and rank, got one (rank 4) and one (rank 5)");
  EXPECT_EQ(
      error_of<InternalError>([] { return add<Op>({.name = "two", .rank = 4}, &mark<Op, 2>), 0; }),
      "internal error: variants of probe_ab on cpu must differ in name and rank, got one (rank 4) and two (rank 4)");
  EXPECT_THAT(variants<Op>(), ElementsAre("one"));
  EXPECT_EQ(run<Op>({3}), 1);
}

TEST(Variants, ThereIsRoomForEight) {
  using Op = Probe<2>;
  make_known<Op>();
  constexpr const char* names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
  for (int i = 0; i < 8; ++i) add<Op>({.name = names[i], .rank = 8 - i}, i == 7 ? &mark<Op, 9> : &mark<Op, 1>);
  EXPECT_EQ(error_of<InternalError>([] { return add<Op>({.name = "i", .rank = 0}, &mark<Op, 2>), 0; }),
            "internal error: an op must have at most 8 variants on a device type, got one more for probe_ac");
  EXPECT_THAT(variants<Op>(), ElementsAre("h", "g", "f", "e", "d", "c", "b", "a"));
  EXPECT_EQ(run<Op>({3}), 9);
}

TEST(Variants, ScopesNestAndBelongToTheirThread) {
  using Op = Probe<3>;
  add_three<Op>();
  const VariantScope slow(Op::info.name, "slow");
  EXPECT_EQ(run<Op>({8}), 1);
  {
    const VariantScope pairs(Op::info.name, "pairs");
    EXPECT_EQ(run<Op>({8}), 2);
    {
      const VariantScope free(Op::info.name, "auto");
      EXPECT_EQ(run<Op>({8}), 3);
    }
    EXPECT_EQ(run<Op>({8}), 2);
  }
  EXPECT_EQ(run<Op>({8}), 1);
  float other = 0;
  std::thread([&] { other = run<Op>({8}); }).join();
  EXPECT_EQ(other, 3);
}

TEST(Variants, WhatTheProcessForcesGivesWayToScopes) {
  using Op = Probe<4>;
  add_three<Op>();
  set_variant(Op::info.name, "slow");
  EXPECT_EQ(run<Op>({8}), 1);
  float other = 0;
  std::thread([&] { other = run<Op>({8}); }).join();
  EXPECT_EQ(other, 1);
  {
    const VariantScope free(Op::info.name, "auto");
    EXPECT_EQ(run<Op>({8}), 3);
    const VariantScope pairs(Op::info.name, "pairs");
    EXPECT_EQ(run<Op>({8}), 2);
  }
  EXPECT_EQ(run<Op>({8}), 1);
  set_variant(Op::info.name, "auto");
  EXPECT_EQ(run<Op>({8}), 3);
}

TEST(Variants, ForcingNamesWhatThereIs) {
  using Op = Probe<5>;
  add_three<Op>();
  EXPECT_EQ(error_of<ValueError>([] { return set_variant("probe_af", "best"), 0; }),
            "set_variant: variant must be one of fours, pairs, slow or auto, got 'best'");
  EXPECT_EQ(error_of<ValueError>([] { return VariantScope("probe_af", ""), 0; }),
            "VariantScope: variant must be one of fours, pairs, slow or auto, got ''");
  EXPECT_EQ(error_of<ValueError>([] { return set_variant("no_such_op", "slow"), 0; }),
            "set_variant: op must be the name of an op (farro doctor --ops lists them), got 'no_such_op'");
  EXPECT_EQ(run<Op>({8}), 3);
}

TEST(Variants, AForcedVariantThatCannotIsAnError) {
  using Op = Probe<6>;
  add_three<Op>();
  const VariantScope fours(Op::info.name, "fours");
  EXPECT_EQ(error_of<UnsupportedVariantError>([] { return run<Op>({6}); }),
            "probe_ag: the variant forced to fours must support the arguments, got (x: f32 [6] cpu)");
  EXPECT_EQ(run<Op>({8}), 3);
}

TEST(Variants, NoVariantForACallIsAnError) {
  using Op = Probe<7>;
  make_known<Op>();
  EXPECT_EQ(error_of<NotImplementedError>([] { return run<Op>({2}); }),
            "probe_ah: must run on a device that has a kernel for it, got cpu (x: f32 [2] cpu)");
  add<Op>({.name = "never", .rank = 3}, &mark<Op, 1>, [](const Op::Args&) { return false; });
  EXPECT_EQ(error_of<NotImplementedError>([] { return run<Op>({2}); }),
            "probe_ah: some variant must support the arguments, got none (x: f32 [2] cpu)");
}

TEST(Variants, ThoseOfAComputeCapabilityRunOnItAlone) {
  using Op = Probe<8>;
  make_known<Op>();
  add<Op>({.name = "future", .rank = 0, .min_sm = 10000}, &mark<Op, 2>);
  add<Op>({.name = "plain", .rank = 1}, &mark<Op, 1>);
  EXPECT_EQ(run<Op>({2}), 1);  // the CPU has none
  {
    const VariantScope future(Op::info.name, "future");
    EXPECT_THROW(run<Op>({2}), UnsupportedVariantError);
  }
  if (cuda_device_count() == 0) return;
  const Tensor x = zeros({2}, {.device = Device::cuda()});
  const Kernel<Op> nothing = [](Ctx&, const Op::Args&, Outputs<Op>&) {};
  register_kernel<Op>(DeviceType::cuda, nothing, {.name = "future", .rank = 0, .min_sm = 10000});
  register_kernel<Op>(DeviceType::cuda, nothing, {.name = "any", .rank = 2});
  const Ear ear;
  call<Op>({x});
  register_kernel<Op>(DeviceType::cuda, nothing,
                      {.name = "present", .rank = 1, .min_sm = detail::compute_capability(x.device())});
  call<Op>({x});
  ASSERT_EQ(ear.heard().size(), 2u);
  EXPECT_EQ(ear.heard()[0].variant, "any");
  EXPECT_EQ(ear.heard()[1].variant, "present");
}

// A process of its own: the environment is read once.
void run_forced(const char* setting, bool scoped) {
  setenv("FARRO_VARIANT_CONV", setting, 1);
  const Tensor x = ones({1, 2, 4, 4}), weight = ones({3, 2, 3, 3});
  std::string seen;
  const auto conv = [&] {
    const Ear ear;
    conv2d(x, weight);
    for (const Heard& call : ear.heard())
      if (call.name == "conv") seen += call.variant + " ";
  };
  conv();
  if (scoped) {
    const VariantScope free("conv", "auto");
    conv();
  }
  std::fprintf(stderr, "%s", seen.c_str());
  std::exit(0);
}

TEST(VariantsDeathTest, TheEnvironmentForces) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(run_forced("generic", true), testing::ExitedWithCode(0), "^generic onednn $");
  EXPECT_EXIT(run_forced("auto", false), testing::ExitedWithCode(0), "^onednn $");
}

TEST(VariantsThreads, ScopesOfManyThreadsDoNotMix) {
  using Op = Probe<9>;
  add_three<Op>();
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      constexpr const char* names[] = {"slow", "pairs", "fours"};
      for (int i = 0; i < 200; ++i) {
        if (t == 3) {
          wrong += run<Op>({8}) != 3;
          continue;
        }
        const VariantScope mine(Op::info.name, names[t]);
        wrong += run<Op>({8}) != static_cast<float>(t + 1);
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace farro
