// SPDX-License-Identifier: Apache-2.0
// A sum of 2^20 equal values, wherever one is made: a running f32 sum of them is off by a percent.
#include <farro/farro.h>
#include <gtest/gtest.h>

#include <cmath>

namespace farro {
namespace {

constexpr int64_t kCount = 1 << 20;
constexpr double kValue = static_cast<double>(0.1f);

void expect_near(const char* what, const Tensor& got, double want, double tolerance = 1e-5) {
  EXPECT_NEAR(got.item<double>() / want, 1, tolerance) << what;
}

TEST(LongSums, OfReductionsAndLosses) {
  const Tensor x = full({kCount}, 0.1), zero = zeros({kCount});
  expect_near("sum", x.sum(), kValue * kCount);
  expect_near("norm", norm(x), kValue * 1024);
  expect_near("cumsum", cumsum(x, 0)[kCount - 1], kValue * kCount);
  expect_near("softmax", softmax(x, 0).sum(), 1);
  expect_near("mse_loss", mse_loss(x, zero), kValue * kValue);
  expect_near("l1_loss", l1_loss(x, zero), kValue);
  expect_near("bce", binary_cross_entropy_with_logits(x, zero), std::log1p(std::exp(kValue)));
  expect_near("cross_entropy",
              cross_entropy(x.reshape({1, kCount}), zeros({1}, {.dtype = DType::i64}), {.label_smoothing = 1}),
              std::log(double(kCount)));
}

TEST(LongSums, OfPooling) {
  const Tensor line = full({1, 1, kCount}, 0.1), plane = full({1, 1, 1024, 1024}, 0.1),
               cube = full({1, 1, 128, 128, 64}, 0.1);
  expect_near("1d", adaptive_avg_pool1d(line, {1}).reshape({}), kValue);
  expect_near("2d", adaptive_avg_pool2d(plane, {1}).reshape({}), kValue);
  expect_near("3d", adaptive_avg_pool3d(cube, {1}).reshape({}), kValue);
  expect_near("fixed 1d", avg_pool1d(line, {.kernel_size = {kCount}}).reshape({}), kValue);
  expect_near("fixed 2d", avg_pool2d(plane, {.kernel_size = {1024}}).reshape({}), kValue);
  expect_near("fixed 3d", avg_pool3d(cube, {.kernel_size = {128, 128, 64}}).reshape({}), kValue);
  const Tensor last = full({1, 20, 256, 256}, 0.1).contiguous(MemoryFormat::channels_last);
  for (const double value : adaptive_avg_pool2d(last, {1}).to_vector<double>()) EXPECT_NEAR(value / kValue, 1, 1e-5);
  // Backward: one element that 1,024 windows share.
  Tensor x = zeros({1, 1, 2047});
  x.set_requires_grad();
  const Tensor y = avg_pool1d(x, {.kernel_size = {1024}, .stride = {1}});
  y.backward(full(y.sizes(), 0.1));
  expect_near("avg backward", x.grad()[0][0][1023], kValue, 1e-6);
  Tensor peak = zeros({1, 1, 2047});
  peak[0][0][1023].fill_(1);
  peak.set_requires_grad();
  const Tensor z = max_pool1d(peak, {.kernel_size = {1024}, .stride = {1}});
  z.backward(full(z.sizes(), 0.1));
  expect_near("max backward", peak.grad()[0][0][1023], kValue * 1024, 1e-6);
}

TEST(LongSums, OfProductsAndTheirGradients) {
  Tensor w = full({4, 4}, 0.1), b = zeros({4});
  w.set_requires_grad(), b.set_requires_grad();
  linear(full({kCount, 4}, 0.1), w, b).backward(full({kCount, 4}, 0.1));
  expect_near("linear weight", w.grad()[0][0], kValue * kValue * kCount);
  expect_near("linear bias", b.grad()[0], kValue * kCount);
  Tensor filter = full({1, 1, 1, 1}, 0.1), offset = zeros({1});
  filter.set_requires_grad(), offset.set_requires_grad();
  conv2d(full({1, 1, 1024, 1024}, 0.1), filter, offset).backward(full({1, 1, 1024, 1024}, 0.1));
  expect_near("conv weight", filter.grad().reshape({}), kValue * kValue * kCount, 1e-4);
  expect_near("conv bias", offset.grad().reshape({}), kValue * kCount, 1e-6);
  const Tensor plane = full({1, 1, 512, 512}, 0.1);
  expect_near("conv of a large kernel", conv2d(plane, plane).reshape({}), kValue * kValue * 512 * 512);
  Tensor rows = full({8, 8, 1, 1}, 0.1);
  rows.set_requires_grad();
  conv2d(full({kCount / 4, 8, 1, 1}, 0.1), rows).backward(full({kCount / 4, 8, 1, 1}, 0.1));
  expect_near("conv weight of a large batch", rows.grad()[0][0][0][0], kValue * kValue * kCount / 4, 2e-4);
}

TEST(LongSums, OfIndexedPlaces) {
  const Tensor at = zeros({kCount}, {.dtype = DType::i64}), x = full({kCount}, 0.1);
  expect_near("index_add", index_add(zeros({2}), 0, at, x)[0], kValue * kCount);
  expect_near("scatter_add", scatter_add(zeros({2}), 0, at, x)[0], kValue * kCount);
  Tensor table = zeros({3, 2}), target = zeros({2});
  table.set_requires_grad();
  Tensor words = at.clone();
  words[5].fill_(2);
  embedding(table, words).backward(full({kCount, 2}, 0.1));
  expect_near("embedding", table.grad()[0][1], kValue * (kCount - 1));
  expect_near("embedding, once", table.grad()[2][1], kValue);
  index_put_(target, std::vector<TensorIndex>{at}, x, /*accumulate=*/true);
  expect_near("index_put_", target[0], kValue * kCount);
}

TEST(LongSums, OfAttention) {
  Tensor v = full({1, 1, kCount, 1}, 0.1);
  const Tensor k = zeros({1, 1, kCount, 1});
  expect_near("keys", scaled_dot_product_attention(zeros({1, 1, 1, 1}), k, v).reshape({}), kValue);
  Tensor one = ones({1, 1, 1, 1});
  one.set_requires_grad();
  scaled_dot_product_attention(k, zeros({1, 1, 1, 1}), one).backward(full({1, 1, kCount, 1}, 0.1));
  expect_near("queries", one.grad().reshape({}), kValue * kCount);
}

}  // namespace
}  // namespace farro
