// SPDX-License-Identifier: Apache-2.0
// Where memory or threads run out: typed errors with the figures, and the process goes on.
#include <farro/core/parallel/parallel.h>
#include <farro/core/storage/cpu_allocator.h>
#include <farro/kernels/memory/factories.h>

#include <farro/tests/autograd/support.h>

#include <sys/resource.h>

#include <fstream>
#include <vector>

namespace farro {
namespace {

using namespace testing_support;

size_t address_space() {
  size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * 4096;
}

// While it lives the process may grow by so many bytes.
class MemoryLimit {
 public:
  explicit MemoryLimit(size_t more) {
    empty_cpu_cache();
    ::getrlimit(RLIMIT_AS, &before_);
    const rlimit limit{address_space() + more, before_.rlim_max};
    ::setrlimit(RLIMIT_AS, &limit);
  }
  ~MemoryLimit() { ::setrlimit(RLIMIT_AS, &before_); }

 private:
  rlimit before_;
};

TEST(ResourceLimits, SmallBlocksAreTypedToo) {
  if (kBypassCaches) GTEST_SKIP() << "a sanitizer needs the address space";
  std::vector<Tensor> held;
  held.reserve(2'000'000);
  {
    const MemoryLimit limit(4 << 20);
    try {
      for (int i = 0; i < 2'000'000; ++i) held.push_back(empty({8}));
      ADD_FAILURE() << "no error";
    } catch (const OutOfMemoryError&) {
    }
  }
  held.clear();
  EXPECT_EQ(zeros({8}).numel(), 8);
}

TEST(ResourceLimits, TheErrorHasTheFigures) {
  if (kBypassCaches) GTEST_SKIP() << "a sanitizer needs the address space";
  const Tensor held = empty({1 << 20});
  const MemoryLimit limit(100 << 20);
  const std::string text = error_of<OutOfMemoryError>([] { empty({1 << 28}); });
  for (const char* part : {"asked for 1073741", " bytes in use", " cached", ", limit "})
    EXPECT_NE(text.find(part), std::string::npos) << text;
  EXPECT_GT(cpu_memory_limit(), size_t{100} << 20);
}

TEST(ResourceLimits, ThreadsThatCannotStartAreAnErrorBeforehand) {
  if (kBypassCaches) GTEST_SKIP() << "a sanitizer needs the address space";
  const int before = num_threads();
  {
    const MemoryLimit limit(60 << 20);  // a thread's stack has 8 MiB
    const std::string text = error_of<ValueError>([] { set_num_threads(1000); });
    EXPECT_NE(text.find("set_num_threads: count must be at most "), std::string::npos) << text;
    EXPECT_NE(text.find("got 1000"), std::string::npos) << text;
  }
  EXPECT_EQ(num_threads(), before);
}

}  // namespace
}  // namespace farro
