// index_put_ of one value under a mask: no op of its own runs, so no sample can say it.
#include <farro/kernels/index/indexing.h>
#include <farro/kernels/pointwise/factories.h>

#include <gtest/gtest.h>

namespace farro {
namespace {

TEST(IndexPut, OneValueUnderAMask) {
  Tensor x = arange(6).reshape({2, 3});
  const Tensor mask = tensor(std::vector<bool>{true, false, false, true, false, true}, {2, 3});
  x.index_put_({mask}, scalar_tensor(-1));
  EXPECT_EQ(x.to_vector<int64_t>(), (std::vector<int64_t>{-1, 1, 2, -1, 4, -1}));
}

}  // namespace
}  // namespace farro
