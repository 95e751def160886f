// SPDX-License-Identifier: Apache-2.0
// What the samples of conv, pool and batch_norm (tests/ops) do not say: layouts of results, absent batches, transposes,
// threads on a problem that is worth splitting, and running statistics.
#include <farro/core/parallel/parallel.h>
#include <farro/kernels/conv/conv.h>
#include <farro/kernels/conv/conv.op.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/norm/batch_norm.h>
#include <farro/kernels/pointwise/arithmetic.h>
#include <farro/kernels/pool/pool.h>

#include <gtest/gtest.h>

#include <cmath>

namespace farro {
namespace {

using V = std::vector<double>;

// Values in [-1, 1) that repeat nowhere near.
Tensor filled(const Shape& sizes, uint32_t seed, DType dtype = DType::f32) {
  V values(static_cast<size_t>(checked_numel("test", sizes)));
  uint32_t state = seed * 2654435761u + 12345u;
  for (double& value : values) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<double>(static_cast<float>(state >> 8) / 8388608.0f - 1.0f);
  }
  return tensor(values, sizes).to(dtype);
}

TEST(Conv, WithoutBatch) {
  const Tensor x = filled({3, 6, 6}, 1), w = filled({4, 3, 3, 3}, 2);
  const Tensor out = conv2d(x, w);
  EXPECT_EQ(out.sizes(), (Shape{4, 4, 4}));
  EXPECT_EQ(out.to_vector<double>(), conv2d(x.unsqueeze(0), w).to_vector<double>());
}

TEST(Conv, ResultIsChannelsLast) {
  const Tensor out = conv2d(filled({2, 3, 6, 6}, 1), filled({4, 3, 3, 3}, 2));
  EXPECT_TRUE(out.is_contiguous(MemoryFormat::channels_last));
}

TEST(Conv, TransposeIsTheAdjoint) {
  // <conv(x, w), y> = <x, conv_transpose(y, w)>.
  const Tensor x = filled({2, 4, 9, 10}, 1, DType::f64), w = filled({6, 2, 3, 3}, 2, DType::f64);
  const Tensor forward = conv2d(x, w, {}, {.stride = {2}, .padding = {1}, .groups = 2});
  const Tensor y = filled(forward.sizes(), 3, DType::f64);
  const Tensor back =
      conv_transpose2d(y, w, {}, {.stride = {2}, .padding = {1}, .output_padding = {0, 1}, .groups = 2});
  ASSERT_EQ(back.sizes(), x.sizes());
  EXPECT_NEAR((forward * y).sum().item(), (x * back).sum().item(), 1e-12);
  const Tensor bias = filled({4}, 4, DType::f64);
  const Tensor shifted =
      conv_transpose2d(y, w, bias, {.stride = {2}, .padding = {1}, .output_padding = {0, 1}, .groups = 2});
  EXPECT_EQ(shifted.to_vector<double>(), (back + bias.reshape({1, 4, 1, 1})).to_vector<double>());
}

TEST(Conv, TransposeTakesOutputPaddingBeyondTheStride) {
  // Below the dilation it may be as large as the stride or larger: what it adds no x reaches.
  const Tensor x = filled({1, 2, 4}, 1, DType::f64), w = filled({2, 3, 2}, 2, DType::f64);
  const Tensor plain = conv_transpose1d(x, w, {}, {.dilation = {3}});
  const Tensor wide = conv_transpose1d(x, w, {}, {.output_padding = {2}, .dilation = {3}});
  ASSERT_EQ(wide.sizes(), (Shape{1, 3, 9}));
  EXPECT_EQ(wide.narrow(2, 0, 7).to_vector<double>(), plain.to_vector<double>());
  EXPECT_EQ(wide.narrow(2, 7, 2).to_vector<double>(), V(6, 0));
  const Tensor narrow =
      conv_transpose1d(x.to(DType::f32), w.to(DType::f32), {}, {.output_padding = {2}, .dilation = {3}});
  EXPECT_NEAR((narrow.to(DType::f64) - wide).abs().max().item(), 0, 1e-6);
}

// The batch is cut into parts of two images; the last has one. Each image alone makes one part.
TEST(Conv, FilterGradientOfPartsIsTheSumOverImages) {
  const Tensor x = filled({7, 32, 14, 14}, 1), grad = filled({7, 64, 14, 14}, 2);
  const Shape weight{64, 32, 3, 3};
  const auto [whole, bias] = conv_backward_filter(grad, x, weight, true, {.padding = {1}});
  Tensor sum = zeros(weight, {.dtype = DType::f64});
  for (int64_t i = 0; i < 7; ++i)
    sum.add_(conv_backward_filter(grad.narrow(0, i, 1), x.narrow(0, i, 1), weight, false, {.padding = {1}}).first);
  // 1372 products each of size at most 1: 2^-24 of their sum's size for each of a few dozen partial sums.
  EXPECT_LT((whole.to(DType::f64) - sum).abs().max().item(), 1e-4);
  EXPECT_LT((bias - grad.sum({0, 2, 3})).abs().max().item(), 1e-4);
}

// Result and gradients of a convolution, one after another.
V everything() {
  Tensor x = filled({32, 32, 14, 14}, 1).set_requires_grad(), weight = filled({64, 32, 3, 3}, 2).set_requires_grad(),
         bias = filled({64}, 3).set_requires_grad();
  const Tensor out = conv2d(x, weight, bias, {.padding = {1}});
  out.backward(filled(out.sizes(), 4));
  V all;
  for (const Tensor& t : {out, x.grad(), weight.grad(), bias.grad()}) {
    const V values = t.to_vector<double>();
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

TEST(Conv, DoesNotDependOnThreads) {
  const int before = num_threads();
  set_num_threads(1);
  const V one = everything();
  set_num_threads(2);
  EXPECT_EQ(everything(), one);
  set_num_threads(before);
}

TEST(Pool, WithoutBatch) {
  EXPECT_EQ(max_pool2d(filled({3, 6, 6}, 1), {.kernel_size = {2}}).sizes(), (Shape{3, 3, 3}));
  EXPECT_EQ(adaptive_avg_pool2d(filled({3, 6, 6}, 1), {2, -1}).sizes(), (Shape{3, 2, 6}));
}

TEST(Pool, KeepsTheLayoutThroughBackward) {
  const Tensor image = filled({2, 3, 6, 6}, 1);
  for (MemoryFormat format : {MemoryFormat::contiguous, MemoryFormat::channels_last})
    for (bool max : {true, false}) {
      const Tensor x = image.contiguous(format).detach().set_requires_grad();
      // One window: sizes alone could not tell the layouts of this result apart.
      const Tensor out = max ? adaptive_max_pool2d(x, {1}) : adaptive_avg_pool2d(x, {1});
      Tensor middle = max_pool2d(x, {.kernel_size = {2}});
      EXPECT_TRUE(middle.is_contiguous(format));
      out.backward(filled(out.sizes(), 2));
      EXPECT_TRUE(x.grad().is_contiguous(format));
    }
}

TEST(BatchNorm, MovesTheRunningStatistics) {
  const Tensor x =
      tensor(V{1, 2, 3, 6, 10, 10, 20, 20}, {4, 2}).to(DType::f32);  // channels {1, 3, 10, 20}, {2, 6, 10, 20}
  Tensor mean = tensor(V{0, 1}).to(DType::f32), var = tensor(V{1, 2}).to(DType::f32);
  Tensor weight = ones({2}).set_requires_grad();
  batch_norm(x, weight, {}, mean, var, true, 0.25);
  const V means = mean.to_vector<double>(), vars = var.to_vector<double>();
  EXPECT_FLOAT_EQ(static_cast<float>(means[0]), 0.25f * 8.5f);
  EXPECT_FLOAT_EQ(static_cast<float>(means[1]), 0.75f + 0.25f * 9.5f);
  EXPECT_FLOAT_EQ(static_cast<float>(vars[0]), 0.75f + 0.25f * (221.0f / 3));
  EXPECT_FLOAT_EQ(static_cast<float>(vars[1]), 1.5f + 0.25f * (179.0f / 3));
  EXPECT_FALSE(mean.requires_grad());
  EXPECT_GT(mean.version(), 0u);
  // Evaluation leaves them alone, and so does a call that fails.
  batch_norm(x, weight, {}, mean, var, false);
  EXPECT_THROW(batch_norm(x, zeros({3}), {}, mean, var, true), ShapeError);
  EXPECT_THROW(batch_norm(x, weight, {}, mean, zeros({2}, {.dtype = DType::i64}), true), DTypeError);
  EXPECT_EQ(mean.to_vector<double>(), means);
}

TEST(BatchNorm, IsAccurateFarFromZero) {
  // Standard deviation 0.58 around 10,000: sums of plain squares in f32 would lose it all.
  const Tensor x = filled({64, 3, 8, 8}, 1) + 10000.0;
  const Tensor y = batch_norm(x, {}, {}, {}, {}, true, 0.1, 0);
  EXPECT_NEAR(y.mean().item(), 0, 1e-3);
  EXPECT_NEAR((y * y).mean().item(), 1, 1e-5);
}

}  // namespace
}  // namespace farro
