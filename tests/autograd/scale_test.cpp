// SPDX-License-Identifier: Apache-2.0
// Long chains, small stacks, many threads, little memory.
#include <farro/core/parallel/parallel.h>

#include <farro/tests/autograd/support.h>

#include <pthread.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <iostream>
#include <string>
#include <thread>

namespace farro {
namespace {

using namespace testing_support;

void run_with_stack(size_t bytes, const std::function<void()>& fn) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  ASSERT_EQ(pthread_attr_setstacksize(&attributes, bytes), 0);
  pthread_t thread;
  const auto entry = [](void* arg) -> void* {
    (*static_cast<const std::function<void()>*>(arg))();
    return nullptr;
  };
  ASSERT_EQ(pthread_create(&thread, &attributes, entry, const_cast<void*>(static_cast<const void*>(&fn))), 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
}

size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  size_t total = 0, resident = 0;
  file >> total >> resident;
  return resident * 4096;
}

// The most that was resident since the last call of forget_peak().
size_t peak_bytes() {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("VmHWM:")) return std::stoull(line.substr(6)) * 1024;
  return 0;
}
bool forget_peak() {
  std::ofstream file("/proc/self/clear_refs");
  return static_cast<bool>(file << 5 << std::flush);
}

TEST(Scale, AMillionOpsOnASmallStack) {
  run_with_stack(256 << 10, [] {
    Tensor x = leaf({1, 1});
    const Tensor one = tensor({1, 1});
    const auto start = std::chrono::steady_clock::now();
    ASSERT_TRUE(forget_peak());
    const size_t before = resident_bytes();
    Tensor y = x;
    for (int i = 0; i < 1'000'000; ++i) y = y * one;
    const size_t recorded = (resident_bytes() - before) / 1'000'000;
    y.backward(tensor({1, 1}));
    EXPECT_EQ(values(x.grad()), (V{1, 1}));
    y = {};
    const size_t peak = (peak_bytes() - before) / 1'000'000;
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    std::cout << "bytes per op: " << recorded << " recorded, " << peak << " at the peak of backward\n";
    if (!kBypassCaches) {
      EXPECT_LE(peak, 500u);
    }
    EXPECT_LE(seconds, 10);
  });
}

// Every op keeps its output alive for backward here.
TEST(Scale, AMillionSavedOutputs) {
  Tensor x = leaf({1}), w = leaf({1});
  const size_t before = resident_bytes();
  Tensor y = x;
  for (int i = 0; i < 1'000'000; ++i) y = y * w;
  if (!kBypassCaches) {
    EXPECT_LE(resident_bytes() - before, size_t{900} << 20);
  }
  y.backward();
  EXPECT_EQ(values(x.grad()), (V{1}));
}

TEST(Scale, DroppingAChainUnwalked) {
  run_with_stack(256 << 10, [] {
    Tensor x = leaf({1}), w = leaf({1});
    Tensor y = x;
    for (int i = 0; i < 300'000; ++i) y = y * w;
  });
}

TEST(Scale, ViewsAndInPlaceChanges) {
  run_with_stack(256 << 10, [] {
    Tensor x = leaf({1, 2});
    Tensor y = x * 1;
    for (int i = 0; i < 150'000; ++i) y.narrow(0, i % 2, 1).add_(tensor({0}));
    y.backward(tensor({1, 1}));
    EXPECT_EQ(values(x.grad()), (V{1, 1}));
  });
}

TEST(Scale, ManyDiamonds) {
  run_with_stack(256 << 10, [] {
    Tensor x = leaf({1});
    Tensor y = x;
    for (int i = 0; i < 100'000; ++i) y = (y + y) * 0.5 + (y - y);
    y.backward();
    EXPECT_EQ(values(x.grad()), (V{1}));
  });
}

TEST(Threads, EightWalksIntoSharedLeaves) {
  Tensor x = leaf({1, 2, 3}), w = leaf({2, 2, 2});
  constexpr int kThreads = 8, kRounds = 200;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&] {
      for (int round = 0; round < kRounds; ++round) ((x * w) + x).sum().backward();
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(values(x.grad()), (V{3. * kThreads * kRounds, 3. * kThreads * kRounds, 3. * kThreads * kRounds}));
  EXPECT_EQ(values(w.grad()), (V{1. * kThreads * kRounds, 2. * kThreads * kRounds, 3. * kThreads * kRounds}));
}

TEST(Threads, AGraphMadeByOneThreadIsWalkedByOthers) {
  Tensor x = leaf({1, 2});
  const Tensor y = (x * x).sum();
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) y.backward({}, {.retain_graph = true});
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(values(x.grad()), (V{800, 1600}));
}

TEST(Threads, ALeafMayGoWhileAGraphStillLeadsToIt) {
  for (int i = 0; i < 200; ++i) {
    Tensor y;
    {
      Tensor x = leaf({1});
      y = x + 1;
    }
    std::thread other([&] { y.backward(); });
    other.join();
  }
  for (int i = 0; i < 200; ++i) {
    auto x = std::make_unique<Tensor>(leaf({1}));
    const Tensor y = *x + 1;
    std::thread other([&] { y.backward(); });
    x.reset();
    other.join();
  }
}

TEST(Threads, ATensorMayGoWhileItsGradientIsRetained) {
  for (int i = 0; i < 200; ++i) {
    Tensor x = leaf({1});
    Tensor y = x * 2;
    y.retain_grad();
    const Tensor z = y * 3;
    std::thread walk([&] { z.backward(); });
    y.reset();
    walk.join();
    EXPECT_EQ(values(x.grad()), (V{6}));
  }
}

}  // namespace
}  // namespace farro
