// SPDX-License-Identifier: Apache-2.0
// Where a derivative is not defined, the gradient that is chosen: ties, kinks and NaN. PyTorch's choices.
#include <farro/autograd/engine/engine.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/pointwise/arithmetic.h>
#include <farro/kernels/pointwise/choose.h>
#include <farro/kernels/pool/pool.h>
#include <farro/kernels/reduce/extremum.h>
#include <farro/kernels/reduce/moments.h>

#include <gtest/gtest.h>

#include <cmath>

namespace farro {
namespace {

using V = std::vector<double>;

Tensor leaf(const V& values, const Shape& sizes = {}) {
  return tensor(values, sizes.empty() ? Shape{static_cast<int64_t>(values.size())} : sizes).set_requires_grad();
}
V gradient(const Tensor& out, const Tensor& of) { return grad(out.sum(), of).to_vector<double>(); }

TEST(GradientChoices, AllEqualExtremesShare) {
  const Tensor x = leaf({3, 1, 3, 2, 2, 2}, {2, 3});
  EXPECT_EQ(gradient(amax(x, {1}), x), (V{0.5, 0, 0.5, 1. / 3, 1. / 3, 1. / 3}));
  EXPECT_EQ(gradient(amin(x), x), (V{0, 1, 0, 0, 0, 0}));
  EXPECT_EQ(gradient(max(x), x), (V{0.5, 0, 0.5, 0, 0, 0}));
}

TEST(GradientChoices, OneExtremeByItsIndex) {
  const Tensor x = leaf({3, 1, 3, 2, 2, 2}, {2, 3});
  EXPECT_EQ(gradient(max(x, 1).first, x), (V{1, 0, 0, 1, 0, 0}));
  EXPECT_EQ(gradient(min(x, 1, true).first, x), (V{0, 1, 0, 1, 0, 0}));
  EXPECT_EQ(gradient(max(x, 0).first, x), (V{1, 0, 1, 0, 1, 0}));
}

TEST(GradientChoices, NaNAmongTheValuesOfAnExtremum) {
  const Tensor x = leaf({1, NAN, 3, NAN, 0, 1, 2, 3}, {2, 4});
  EXPECT_EQ(gradient(max(x, 1).first, x), (V{0, 1, 0, 0, 0, 0, 0, 1}));
  EXPECT_EQ(gradient(amax(x, {1}), x), (V{0, 0.5, 0, 0.5, 0, 0, 0, 1}));
  EXPECT_EQ(gradient(amin(x, {1}), x), (V{0, 0.5, 0, 0.5, 1, 0, 0, 0}));
}

TEST(GradientChoices, MaximumAndMinimum) {
  const Tensor a = leaf({1, 2, 3, NAN, 1}), b = leaf({2, 2, 1, 1, NAN});
  EXPECT_EQ(gradient(maximum(a, b), a), (V{0, 0.5, 1, 1, 1}));
  EXPECT_EQ(gradient(maximum(a, b), b), (V{1, 0.5, 0, 1, 1}));
  EXPECT_EQ(gradient(minimum(a, b), a), (V{1, 0.5, 0, 1, 1}));
  EXPECT_EQ(gradient(minimum(a, b), b), (V{0, 0.5, 1, 1, 1}));
}

TEST(GradientChoices, Clamp) {
  const Tensor a = leaf({-1, 0, 0.5, 1, 2, NAN});
  EXPECT_EQ(gradient(clamp(a, 0, 1), a), (V{0, 1, 1, 1, 0, 0}));
  EXPECT_EQ(gradient(clamp(a, 0, std::nullopt), a), (V{0, 1, 1, 1, 1, 0}));
  EXPECT_EQ(gradient((a + 0).clamp_(0, 1), a), (V{0, 1, 1, 1, 0, 0}));
}

TEST(GradientChoices, NormOfZero) {
  const Tensor x = leaf({0, 0, 0, 1, 2, 2}, {2, 3});
  EXPECT_EQ(gradient(norm(x, 2, {1}), x), (V{0, 0, 0, 1. / 3, 2. / 3, 2. / 3}));
}

TEST(GradientChoices, MaxPoolTakesTheFirstGreatest) {
  const Tensor x = leaf({1, 5, 5, 2, 7, 7, 7, 7}, {1, 2, 2, 2});
  EXPECT_EQ(gradient(max_pool2d(x, {.kernel_size = {2}}), x), (V{0, 1, 0, 0, 1, 0, 0, 0}));
}

}  // namespace
}  // namespace farro
