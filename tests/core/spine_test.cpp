// SPDX-License-Identifier: Apache-2.0
// The spine end to end: tensors, views, recorded ops, in-place changes and the engine.
#include <farro/autograd/engine/engine.h>
#include <farro/autograd/node/grad_mode.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/pointwise/arithmetic.h>

#include <gtest/gtest.h>

namespace farro {
namespace {

Tensor leaf(std::initializer_list<double> values) { return tensor(values).set_requires_grad(); }
std::vector<double> values(const Tensor& t) { return t.to_vector<double>(); }
using V = std::vector<double>;

TEST(Spine, AddsAndMultiplies) {
  const Tensor a = tensor({1, 2, 3}), b = tensor({10, 20, 30});
  EXPECT_EQ(values(a + b), (V{11, 22, 33}));
  EXPECT_EQ(values(a * 2), (V{2, 4, 6}));
  EXPECT_EQ(values(1 - a), (V{0, -1, -2}));
  EXPECT_EQ(values(a.reshape({3, 1}) + b), (V{11, 21, 31, 12, 22, 32, 13, 23, 33}));
}

TEST(Spine, BackwardThroughAChain) {
  Tensor x = leaf({1, 2, 3});
  const Tensor c = tensor({2, 2, 2});
  Tensor y = x;
  for (int i = 0; i < 10; ++i) y = y * c;
  y.backward(tensor({1, 1, 1}));
  EXPECT_EQ(values(x.grad()), (V{1024, 1024, 1024}));
}

TEST(Spine, GradientsOfGradients) {
  Tensor x = leaf({3});
  const Tensor y = x * x * x;
  const Tensor dx = grad(y, x, {.create_graph = true});
  EXPECT_EQ(values(dx), (V{27}));
  EXPECT_EQ(values(grad(dx, x)), (V{18}));
}

TEST(Spine, ChangedSavedTensorIsAnError) {
  Tensor x = leaf({1, 2});
  Tensor c = tensor({2, 2});
  const Tensor y = x * c;
  c.add_(1);
  EXPECT_THROW(y.backward(tensor({1, 1})), AutogradError);
}

TEST(Spine, InPlaceOnAViewReachesTheBase) {
  Tensor x = leaf({1, 2, 3, 4});
  Tensor y = x * 2;
  y.narrow(0, 1, 2).mul_(tensor({10, 10}));
  EXPECT_EQ(values(y), (V{2, 40, 60, 8}));
  y.backward(tensor({1, 1, 1, 1}));
  EXPECT_EQ(values(x.grad()), (V{2, 20, 20, 2}));
}

TEST(Spine, AViewSeesAnInPlaceChangeOfItsBase) {
  Tensor x = leaf({1, 2, 3, 4});
  Tensor y = x * 2;
  const Tensor v = y.narrow(0, 2, 2);
  y.mul_(tensor({3, 3, 3, 3}));
  v.backward(tensor({1, 1}));
  EXPECT_EQ(values(x.grad()), (V{0, 0, 6, 6}));
}

TEST(Spine, AMillionNodesNeedNoStack) {
  Tensor x = leaf({1, 1});
  const Tensor one = tensor({1, 1});
  Tensor y = x;
  for (int i = 0; i < 1'000'000; ++i) y = y * one;
  y.backward(tensor({1, 1}));
  EXPECT_EQ(values(x.grad()), (V{1, 1}));
}

TEST(Spine, ErrorsNameOpAndArguments) {
  try {
    tensor({1, 2}) + tensor({1, 2, 3});
    FAIL();
  } catch (const ShapeError& error) {
    EXPECT_STREQ(error.what(),
                 "add: shapes must be equal or broadcast (sizes equal or 1), got [2] and [3] (dimension 0: 2 and 3)");
  }
}

}  // namespace
}  // namespace farro
