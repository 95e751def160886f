// SPDX-License-Identifier: Apache-2.0
// Children of fork() while other threads of the parent compute: they work, with threads of their own.
#include <farro/core/parallel/parallel.h>
#include <farro/core/scope/scope.h>
#include <farro/kernels/conv/conv.h>
#include <farro/kernels/matmul/matmul.h>
#include <farro/kernels/random/random.h>

#include <farro/tests/autograd/support.h>

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <csignal>
#include <thread>

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr bool kSanitized = true;  // whose own locks and maps a child of many threads does not survive or copies slowly
#else
constexpr bool kSanitized = false;
#endif

namespace farro {
namespace {

using namespace testing_support;

Tensor work() {
  const ScopeGuard scope("child");
  const Tensor x = randn({4, 3, 16, 16}), w = randn({8, 3, 3, 3}).set_requires_grad();
  conv2d(x, w, {}, {.padding = {1}}).sum().backward();
  const Tensor a = randn({128, 128}), big = randn({1 << 17});
  return matmul(a, a).sum() + (big * big + big).sum() + w.grad().sum();
}

enum class End { worked, threw, hung, died };

End fork_once() {
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);  // in case nobody waits any more
    int code = 1;
    try {
      manual_seed(3);
      code = num_threads() == 4 && std::isfinite(work().item()) ? 0 : 1;
    } catch (const Error&) {
      code = 2;
    }
    _exit(code);
  }
  const auto start = std::chrono::steady_clock::now();
  for (;;) {
    int status = 0;
    if (waitpid(child, &status, WNOHANG) == child) {
      if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return End::worked;
      return WIFEXITED(status) && WEXITSTATUS(status) == 2 ? End::threw : End::died;
    }
    // Far more than the work takes, for the machine may be busy.
    if (std::chrono::steady_clock::now() - start > std::chrono::seconds(10)) {
      kill(child, SIGKILL);
      waitpid(child, &status, 0);
      return End::hung;
    }
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
}

TEST(Fork, ChildrenWorkWhileAllThreadsOfTheParentAreBusy) {
  if (kSanitized) GTEST_SKIP() << "not under this sanitizer";
  const int before = num_threads();
  set_num_threads(4);
  work();  // this thread, too, has a pool
  std::atomic<bool> stop = false;
  std::atomic<int> ready = 0;
  std::vector<std::thread> busy;
  for (int i = 0; i < 2; ++i)
    busy.emplace_back([&] {
      work();
      for (++ready; !stop;) work();
    });
  while (ready < 2) std::this_thread::yield();
  const char* full = std::getenv("FARRO_TEST_FULL");
  const int forks = full && *full ? 1000 : 100;
  int ends[4] = {};
  for (int i = 0; i < forks; ++i) ++ends[static_cast<int>(fork_once())];
  stop = true;
  for (std::thread& thread : busy) thread.join();
  EXPECT_EQ(ends[static_cast<int>(End::worked)], forks)
      << ends[1] << " threw, " << ends[2] << " hung, " << ends[3] << " died";
  EXPECT_EQ(num_threads(), 4);  // the parent's are still there
  set_num_threads(before);
}

}  // namespace
}  // namespace farro
