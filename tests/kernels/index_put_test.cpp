// SPDX-License-Identifier: Apache-2.0
// index_put_ where samples cannot say it: of one value under a mask, where no op of its own runs, and of values that
// lie in the tensor they are put into.
#include <farro/kernels/index/indexing.h>
#include <farro/kernels/memory/factories.h>

#include <gtest/gtest.h>

namespace farro {
namespace {

TEST(IndexPut, OneValueUnderAMask) {
  Tensor x = arange(6).reshape({2, 3});
  const Tensor mask = tensor(std::vector<bool>{true, false, false, true, false, true}, {2, 3});
  x.index_put_({mask}, scalar_tensor(-1));
  EXPECT_EQ(x.to_vector<int64_t>(), (std::vector<int64_t>{-1, 1, 2, -1, 4, -1}));
}

TEST(IndexPut, ValuesFromTheTensorItself) {
  const Tensor order = tensor(std::vector<int64_t>{1, 2, 0});
  Tensor x = arange(3);
  x.index_put_({order}, x);
  EXPECT_EQ(x.to_vector<int64_t>(), (std::vector<int64_t>{2, 0, 1}));
  const TensorIndex indices[] = {order};
  index_put_(x, indices, x, /*accumulate=*/true);
  EXPECT_EQ(x.to_vector<int64_t>(), (std::vector<int64_t>{3, 2, 1}));
  Tensor y = arange(3).to(DType::f32);
  index_put_(y, indices, y, /*accumulate=*/true);
  EXPECT_EQ(y.to_vector<double>(), (std::vector<double>{2, 1, 3}));
  // The indices, too.
  x.copy_(order);
  x.index_put_({x}, x);
  EXPECT_EQ(x.to_vector<int64_t>(), (std::vector<int64_t>{0, 1, 2}));
  // A part of it, and the whole from another side.
  Tensor z = arange(6).reshape({3, 2});
  z.index_put_({order}, z.narrow(0, 1, 1));
  EXPECT_EQ(z.to_vector<int64_t>(), (std::vector<int64_t>{2, 3, 2, 3, 2, 3}));
  Tensor square = arange(4).reshape({2, 2});
  square.index_put_({tensor(std::vector<int64_t>{0, 1})}, square.t());
  EXPECT_EQ(square.to_vector<int64_t>(), (std::vector<int64_t>{0, 2, 1, 3}));
}

}  // namespace
}  // namespace farro
