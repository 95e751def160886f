// The number of threads: what set_num_threads takes.
#include <farro/core/error/error.h>
#include <farro/core/util/parallel.h>

#include <gtest/gtest.h>

#include <string>

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

}  // namespace
}  // namespace farro
