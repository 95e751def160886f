// SPDX-License-Identifier: Apache-2.0
// The number of threads, and the pool behind parallel_for.
#include <farro/core/error/error.h>
#include <farro/core/parallel/parallel.h>

#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace farro {
namespace {

TEST(Parallel, TheNumberOfThreadsIsBounded) {
  const int before = num_threads();
  for (const int count : {0, -1, 1025, 1'000'000}) {
    try {
      set_num_threads(count);
      ADD_FAILURE() << "no error for " << count;
    } catch (const ValueError& error) {
      EXPECT_EQ(error.what(), str("set_num_threads: count must be in [1, 1024], got ", count));
    }
    EXPECT_EQ(num_threads(), before);
  }
}

class WorkerPool : public testing::Test {
 protected:
  void SetUp() override { set_num_threads(3); }
  void TearDown() override { set_num_threads(before_); }

  // Every index of many loops is visited once.
  static bool loops_are_complete(int rounds) {
    std::vector<int> visits(1000);
    for (int round = 0; round < rounds; ++round)
      parallel_for(1000, 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) ++visits[static_cast<size_t>(i)];
      });
    return visits == std::vector<int>(1000, rounds);
  }

 private:
  int before_ = num_threads();
};

TEST_F(WorkerPool, ServesSeveralCallers) {
  std::vector<std::thread> callers;
  std::vector<char> good(4);
  for (size_t i = 0; i < good.size(); ++i) callers.emplace_back([&good, i] { good[i] = loops_are_complete(500); });
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(good, std::vector<char>(4, true));
}

TEST_F(WorkerPool, InnerLoopsRunOnTheCallingThread) {
  std::vector<char> same(64);
  parallel_for(64, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const auto outer = std::this_thread::get_id();
      bool here = num_threads() == 1;
      parallel_for(64, 1, [&](int64_t, int64_t) { here &= std::this_thread::get_id() == outer; });
      same[static_cast<size_t>(i)] = here;
    }
  });
  EXPECT_EQ(same, std::vector<char>(64, true));
}

// The threads of the parent are not there in the child, whatever they were at.
TEST_F(WorkerPool, AForkedChildHasAPoolOfItsOwn) {
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
  // ThreadSanitizer does not follow threads into a forked child. AddressSanitizer (of GCC 12) takes none of its own
  // locks around fork(): a program of three threads that allocate, without any of this library, hangs in 1 child of 60.
  GTEST_SKIP() << "not under this sanitizer";
#endif
  std::atomic<bool> stop{false};
  std::thread busy([&] {
    while (!stop) loops_are_complete(10);
  });
  for (int i = 0; i < 50; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(20);
      _exit(loops_are_complete(20) ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  stop = true;
  busy.join();
}

}  // namespace
}  // namespace farro
