// SPDX-License-Identifier: Apache-2.0
// What belongs to the whole process: settings from the environment, threads that come and go, device numbers.
#include <farro/core/device/device.h>
#include <farro/core/op/call_listener.h>
#include <farro/core/op/op_table.h>
#include <farro/core/parallel/parallel.h>
#include <farro/core/scope/scope.h>
#include <farro/core/storage/small_pool.h>

#include <farro/tests/autograd/support.h>

#include <fstream>
#include <thread>

namespace farro {
namespace {

using namespace testing_support;

TEST(Device, IndicesOutOfRangeAreErrors) {
  EXPECT_EQ(to_string(Device::cuda(126)), "cuda:126");
  EXPECT_EQ(error_of<ValueError>([] { Device::cuda(256); }), "Device::cuda: index must be in [0, 126], got 256");
  EXPECT_EQ(error_of<ValueError>([] { Device::cuda(-1); }), "Device::cuda: index must be in [0, 126], got -1");
  EXPECT_THROW(Device::parse("cuda:127"), ValueError);
}

// A process of its own: the environment is read once.
TEST(Registry, AWrongSettingStopsEveryOpAndIsNamed) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        setenv("FARRO_VARIANT_ADD", "foo", 1);
        const std::string first = error_of<ValueError>([] { all_ops(); });
        const std::string second = error_of<ValueError>([] { add(zeros({1}), zeros({1})); });
        std::fprintf(stderr, "%s", first == second ? first.c_str() : "the two calls differ");
        std::exit(0);
      },
      testing::ExitedWithCode(0), "FARRO_VARIANT_ADD: variant must be one of generic or auto, got 'foo'");
}

TEST(Parallel, ErrorsDoNotDependOnTheThreadThatMetThem) {
  const int before = num_threads();
  set_num_threads(2);
  for (const int64_t bad : {int64_t{0}, int64_t{99}})
    EXPECT_EQ(error_of<ValueError>([&] {
                const ScopeGuard scope("net");
                parallel_for(100, 1, [&](int64_t begin, int64_t end) {
                  if (begin <= bad && bad < end) fail<ValueError>("bad");
                });
              }),
              "bad in net");
  EXPECT_EQ(error_of<ValueError>(
                [&] { parallel_for(100, 1, [&](int64_t begin, int64_t) { fail<ValueError>("from ", begin); }); }),
            "from 0");
  set_num_threads(before);
}

// Threads that only free must hand their blocks on when they end.
TEST(SmallPool, BlocksFreedByShortThreadsComeBack) {
  if (kBypassCaches) GTEST_SKIP() << "no pool under this sanitizer";
  const auto resident_pages = [] {
    std::ifstream file("/proc/self/statm");
    size_t total = 0, resident = 0;
    file >> total >> resident;
    return resident;
  };
  const auto round = [] {
    std::vector<void*> blocks(400);
    for (void*& block : blocks) block = small_alloc(256);
    std::thread([&] {
      for (void* block : blocks) small_free(block, 256);
    }).join();
  };
  for (int i = 0; i < 20; ++i) round();
  const size_t before = resident_pages();
  for (int i = 0; i < 200; ++i) round();
  EXPECT_LE(resident_pages(), before + 1024);  // all of them would be 20 MB, 5,000 pages
}

}  // namespace
}  // namespace farro
