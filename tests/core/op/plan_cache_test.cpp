// SPDX-License-Identifier: Apache-2.0
// Plans: keys that miss nothing, the cache's order, answers that there is no plan, counters, threads.
#include <farro/core/op/plan_cache.h>

#include "op_test.h"

#include <cmath>
#include <set>
#include <thread>

namespace farro {
namespace {

using namespace op_test;

enum class Mode : uint8_t { first, second };

struct Inner {
  Dims stride{1, 1};
  bool ceil = false;
  static constexpr std::array names{"stride", "ceil"};
};

struct Call {
  Tensor x, bias;
  std::vector<Tensor> list;
  Inner inner;
  Shape sizes{2, 3};
  double alpha = 1;
  int32_t groups = 1;
  bool flag = false;
  Scalar number = 1;
  DType dtype = DType::f32;
  Device device;
  Mode mode = Mode::first;
  std::vector<Tensor> outputs;

  struct Args {
    const Tensor& x;
    const Tensor& bias;
    TensorList list;
    const Inner& inner;
    Shape sizes;
    double alpha;
    int32_t groups;
    bool flag;
    Scalar number;
    DType dtype;
    Device device;
    Mode mode;
    static constexpr std::array names{"x",      "bias?", "list?",  "inner", "sizes",  "alpha",
                                      "groups", "flag",  "number", "dtype", "device", "mode"};
  };
  PlanKey key() const {
    return plan_key("call", Args{x, bias, list, inner, sizes, alpha, groups, flag, number, dtype, device, mode},
                    outputs);
  }
};

Tensor part(const Shape& sizes, int64_t offset, DType dtype = DType::f32) {
  static const Tensor memory = zeros({64}), wide = zeros({64}, {.dtype = DType::f64});
  const Tensor& of = dtype == DType::f64 ? wide : memory;
  return of.as_strided(sizes, contiguous_strides(sizes), offset);
}

TEST(PlanKey, TwoCallsThatDifferInAnythingDiffer) {
  Call plain;
  plain.x = part({2, 4}, 0);
  std::vector<Call> calls{plain};
  const auto with = [&](auto&& change) {
    calls.push_back(plain);
    change(calls.back());
  };
  with([](Call& c) { c.x = part({4, 2}, 0); });
  with([](Call& c) { c.x = part({2, 4, 1}, 0); });
  with([](Call& c) { c.x = part({8}, 0); });
  with([](Call& c) { c.x = part({2, 4}, 0, DType::f64); });
  with([](Call& c) { c.x = part({4, 2}, 0).t(); });  // strides
  with([](Call& c) { c.x = part({2, 4}, 1); });      // alignment: 4 bytes
  with([](Call& c) { c.x = part({2, 4}, 2); });      // 8
  with([](Call& c) { c.x = part({2, 4}, 4); });      // 16
  with([](Call& c) { c.x = zeros({2, 4}, {.device = Device::meta()}); });
  with([](Call& c) { c.x = Tensor(); });
  with([](Call& c) { c.bias = part({2, 4}, 0); });
  with([](Call& c) { std::swap(c.x, c.bias); });
  with([](Call& c) { c.list = {Tensor()}; });
  with([](Call& c) { c.list = {part({2, 4}, 0)}; });
  with([](Call& c) { c.list = {part({2, 4}, 0), Tensor()}; });
  with([](Call& c) { c.list = {Tensor(), part({2, 4}, 0)}; });
  with([](Call& c) { c.outputs = {part({2, 4}, 0)}; });
  with([](Call& c) { c.inner.stride = {1, 2}; });
  with([](Call& c) { c.inner.stride = {2, 1}; });
  with([](Call& c) { c.inner.stride = {1}; });
  with([](Call& c) { c.inner.stride = {1, 1, 1}; });
  with([](Call& c) { c.inner.ceil = true; });
  with([](Call& c) { c.sizes = {3, 2}; });
  with([](Call& c) { c.sizes = {}; });
  with([](Call& c) { c.alpha = std::nextafter(1.0, 2.0); });
  with([](Call& c) { c.alpha = 0; });
  with([](Call& c) { c.alpha = -0.0; });
  with([](Call& c) { c.alpha = NAN; });
  with([](Call& c) { c.groups = 2; });
  with([](Call& c) { c.flag = true; });
  with([](Call& c) { c.number = 1.0; });  // a floating 1 is another number than an integer 1, and than true
  with([](Call& c) { c.number = true; });
  with([](Call& c) { c.number = 2; });
  with([](Call& c) { c.number = int64_t{1} << 60; });
  with([](Call& c) { c.number = (int64_t{1} << 60) + 1; });  // one in double
  with([](Call& c) { c.dtype = DType::bf16; });
  with([](Call& c) { c.device = Device::cuda(0); });
  with([](Call& c) { c.device = Device::cuda(1); });
  with([](Call& c) { c.mode = Mode::second; });
  for (size_t i = 0; i < calls.size(); ++i)
    for (size_t j = 0; j < calls.size(); ++j) EXPECT_EQ(calls[i].key() == calls[j].key(), i == j) << i << " and " << j;
}

TEST(PlanKey, ElementsAndAddressesBeyondTheirAlignmentDoNotCount) {
  Call a, b;
  a.x = zeros({32});
  b.x = ones({32});
  EXPECT_EQ(a.key() == b.key(),
            reinterpret_cast<uintptr_t>(a.x.raw_data()) % 64 == reinterpret_cast<uintptr_t>(b.x.raw_data()) % 64);
  a.x = zeros({4096});
  b.x = ones({4096});
  EXPECT_TRUE(a.key() == b.key());
}

TEST(PlanKey, TextsDoNotRunTogether) {
  const auto key = [](std::string_view a, std::string_view b) { return PlanKey("kind").add(a).add(b); };
  EXPECT_FALSE(key("ab", "c") == key("a", "bc"));
  EXPECT_FALSE(key("abcdefgh", "") == key("", "abcdefgh"));
  EXPECT_FALSE(key("a", "") == key(std::string_view("a\0", 2), ""));
  EXPECT_FALSE(PlanKey("a") == PlanKey("b"));
  EXPECT_TRUE(key("abcdefghi", "c") == key("abcdefghi", "c"));
}

PlanKey number(int64_t i) { return PlanKey("number").add(i); }

// A cache of ints that counts what it had to make.
struct Ints {
  explicit Ints(size_t capacity) : cache(capacity) {}
  int get(int64_t i) {
    return *cache.get<int>(number(i), [&] { return ++made, std::make_shared<int>(static_cast<int>(i)); });
  }
  PlanCache cache;
  int made = 0;
};

TEST(PlanCache, ThrowsOutWhatWasUsedLeastRecently) {
  Ints ints(3);
  for (int i : {1, 2, 3, 1, 4}) EXPECT_EQ(ints.get(i), i);  // 2 goes
  EXPECT_EQ(ints.made, 4);
  for (int i : {1, 3, 4}) EXPECT_EQ(ints.get(i), i);
  EXPECT_EQ(ints.made, 4);
  ints.get(2);
  EXPECT_EQ(ints.made, 5);
  const PlanCache::Stats stats = ints.cache.stats();
  EXPECT_EQ(stats.hits, 4u);
  EXPECT_EQ(stats.misses, 5u);
  EXPECT_EQ(stats.evictions, 2u);
  EXPECT_EQ(stats.plans, 3u);
  EXPECT_EQ(stats.negative, 0u);
}

TEST(PlanCache, RemembersThatThereIsNoPlan) {
  PlanCache cache(4);
  int asked = 0;
  const auto none = [&] { return ++asked, std::shared_ptr<int>(); };
  EXPECT_EQ(cache.get<int>(number(1), none), nullptr);
  EXPECT_EQ(cache.get<int>(number(1), none), nullptr);
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(cache.stats().negative, 1u);
  EXPECT_EQ(cache.stats().plans, 0u);
}

TEST(PlanCache, AMakerThatThrowsLeavesNothing) {
  PlanCache cache(4);
  EXPECT_THROW(cache.get<int>(number(1), []() -> std::shared_ptr<int> { fail<ValueError>("no"); }), ValueError);
  EXPECT_EQ(cache.stats().plans + cache.stats().negative, 0u);
  EXPECT_EQ(*cache.get<int>(number(1), [] { return std::make_shared<int>(5); }), 5);
}

TEST(PlanCache, ShrinksAndClears) {
  Ints ints(8);
  for (int i = 0; i < 8; ++i) ints.get(i);
  const auto kept = ints.cache.get<int>(number(0), [] { return std::make_shared<int>(-1); });
  ints.cache.set_capacity(2);
  EXPECT_EQ(ints.cache.stats().plans, 2u);
  EXPECT_EQ(ints.cache.stats().evictions, 6u);
  ints.cache.clear();
  EXPECT_EQ(ints.cache.stats().plans, 0u);
  EXPECT_EQ(*kept, 0);  // who has a plan keeps it
  ints.cache.set_capacity(0);
  ints.made = 0;
  EXPECT_EQ(ints.get(3) + ints.get(3), 6);
  EXPECT_EQ(ints.made, 2);
}

TEST(PlanCache, AMakerMayUseTheCache) {
  Ints ints(4);
  const auto sum = ints.cache.get<int>(number(10), [&] { return std::make_shared<int>(ints.get(1) + ints.get(2)); });
  EXPECT_EQ(*sum, 3);
}

TEST(PlanCacheThreads, ShareOnePlanAKey) {
  PlanCache cache(16);
  std::vector<std::set<const int*>> seen(4);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 2000; ++i) {
        const int k = (i + t) % 24;  // more than there is room for
        wrong += *cache.get<int>(number(k), [&] { return std::make_shared<int>(k); }) != k;
        seen[static_cast<size_t>(t)].insert(cache.get<int>(number(100), [] { return std::make_shared<int>(7); }).get());
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  for (const auto& plans : seen) EXPECT_EQ(plans, seen[0]);
  EXPECT_EQ(seen[0].size(), 1u);
  EXPECT_LE(cache.stats().plans, 16u);
  EXPECT_EQ(cache.stats().hits + cache.stats().misses, 16000u);
}

}  // namespace
}  // namespace farro
