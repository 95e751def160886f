// SPDX-License-Identifier: Apache-2.0
// Layers: names and shapes of their parameters, and that they hand everything on to their ops.
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/pointwise/arithmetic.h>
#include <farro/kernels/random/random.h>
#include <farro/nn/layers/activation.h>
#include <farro/nn/layers/attention.h>
#include <farro/nn/layers/batch_norm.h>
#include <farro/nn/layers/conv.h>
#include <farro/nn/layers/dropout.h>
#include <farro/nn/layers/linear.h>
#include <farro/nn/layers/norm.h>
#include <farro/nn/layers/pool.h>
#include <farro/nn/module/containers.h>

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

namespace farro::nn {
namespace {

using ::testing::HasSubstr;

std::string shapes(const Module& module) {
  std::string out;
  for (const auto& [name, tensor] : module.state_dict()) out += str(name, tensor.sizes(), " ");
  return out;
}

TEST(Layers, LinearMultipliesByItsWeight) {
  Linear fc(root, "fc", {.in_features = 2, .out_features = 3});
  EXPECT_EQ(shapes(fc), "weight[3, 2] bias[3] ");
  fc.load_state_dict({{{"weight", tensor({1, 2, 3, 4, 5, 6}).view({3, 2})}, {"bias", tensor({10, 20, 30})}}});
  EXPECT_EQ(fc(tensor({1, 1}).view({1, 2})).to_vector<double>(), (std::vector<double>{13, 27, 41}));
  EXPECT_EQ(shapes(Linear(root, "fc", {.in_features = 2, .out_features = 3, .bias = false})), "weight[3, 2] ");
  EXPECT_THROW(Linear(root, "fc", {.in_features = 2}), ValueError);
}

TEST(Layers, LinearStartsUniform) {
  manual_seed(1);
  const Linear fc(root, "fc", {.in_features = 100, .out_features = 50});
  double most = 0;
  for (double w : fc.weight.to_vector<double>()) most = std::max(most, std::abs(w));
  EXPECT_LE(most, 0.1);
  EXPECT_GT(most, 0.099);
}

TEST(Layers, ConvolutionsOfEveryRank) {
  Conv1d c1(root, "c", {.in_channels = 4, .out_channels = 6, .kernel_size = 3, .stride = 2, .groups = 2});
  EXPECT_EQ(shapes(c1), "weight[6, 2, 3] bias[6] ");
  EXPECT_EQ(c1(randn({2, 4, 9})).sizes(), (Shape{2, 6, 4}));
  Conv2d c2(root, "c", {.in_channels = 1, .out_channels = 2, .kernel_size = {3, 5}, .padding = {1, 2}, .bias = false});
  EXPECT_EQ(shapes(c2), "weight[2, 1, 3, 5] ");
  EXPECT_EQ(c2(randn({2, 1, 8, 8})).sizes(), (Shape{2, 2, 8, 8}));
  Conv3d c3(root, "c", {.in_channels = 1, .out_channels = 2, .kernel_size = 3, .same_padding = true});
  EXPECT_EQ(c3(randn({1, 1, 4, 5, 6})).sizes(), (Shape{1, 2, 4, 5, 6}));
  EXPECT_THROW(Conv2d(root, "c", {.in_channels = 3, .out_channels = 2, .kernel_size = 3, .groups = 2}), ValueError);
  EXPECT_THROW(Conv2d(root, "c", {.in_channels = 3, .out_channels = 2, .kernel_size = {3, 3, 3}}), ValueError);
  EXPECT_THROW(Conv2d(root, "c", {.in_channels = 3, .out_channels = 2}), ValueError);
}

TEST(Layers, PoolsAndFlattenInASequence) {
  Sequential net;
  net.add<Conv2d>("conv", {.in_channels = 1, .out_channels = 2, .kernel_size = 3, .padding = 1});
  net.add<MaxPool2d>("pool", {.kernel_size = 2});
  net.add<AdaptiveAvgPool2d>("mean", {.output_size = 2});
  net.add<Flatten>();
  net.add<Linear>("fc", {.in_features = 8, .out_features = 3});
  EXPECT_EQ(net(randn({5, 1, 8, 8})).sizes(), (Shape{5, 3}));
  EXPECT_EQ(net[1].type_name(), "MaxPool2d");
  EXPECT_EQ(net[3].name(), "3");
}

TEST(Layers, DropoutActsInTrainingOnly) {
  Dropout drop(root, "drop", {.p = 0.5});
  const Tensor x = ones({1000});
  const std::vector<double> v = drop(x).to_vector<double>();
  const auto zeros = std::count(v.begin(), v.end(), 0.0);
  EXPECT_NEAR(double(zeros), 500, 80);
  drop.eval();
  EXPECT_EQ(drop(x).to_vector<double>(), std::vector<double>(1000, 1));
  EXPECT_THROW(Dropout(root, "drop", {.p = 2}), ValueError);
}

TEST(Layers, ActivationsInASequence) {
  Sequential net;
  net.add<ReLU>();
  net.add<LeakyReLU>({.negative_slope = 0.5});
  net.add<SiLU>("silu");
  net.add<GELU>({.approximation = GeluApproximation::tanh});
  net.add<Tanh>();
  net.add<Sigmoid>();
  net.add<Softmax>({.dim = 0});
  EXPECT_NEAR(net(tensor({-1, 0, 2})).sum().item(), 1, 1e-6);
  LeakyReLU leaky(root, "leaky", {.negative_slope = 0.5});
  EXPECT_EQ(leaky(tensor({-1, 0, 2})).to_vector<double>(), (std::vector<double>{-0.5, 0, 2}));
}

TEST(Layers, BatchNormKeepsRunningStatistics) {
  const DefaultDTypeGuard guard(DType::f64);
  manual_seed(6);
  BatchNorm2d norm(root, "bn", {.num_features = 3});
  EXPECT_EQ(shapes(norm), "weight[3] bias[3] running_mean[3] running_var[3] num_batches_tracked[] ");
  const Tensor x = randn({4, 3, 5, 5}) * 2 + 1;
  const Tensor y = norm(x);
  EXPECT_NEAR(y.mean().item(), 0, 1e-10);
  EXPECT_NEAR(norm.running_mean[0].item(), 0.1 * x.select(1, 0).mean().item(), 1e-10);
  EXPECT_EQ(norm.num_batches_tracked.item<int64_t>(), 1);
  norm.eval();
  const double mean = norm.running_mean[0].item(), var = norm.running_var[0].item();
  const double expected = (x[0][0][0][0].item() - mean) / std::sqrt(var + 1e-5);
  EXPECT_NEAR(norm(x)[0][0][0][0].item(), expected, 1e-10);
  EXPECT_EQ(norm.num_batches_tracked.item<int64_t>(), 1);
  EXPECT_THROW(norm(randn({4, 3})), ShapeError);

  // Without momentum the running mean is that of all batches.
  BatchNorm1d average(root, "bn", {.num_features = 2, .momentum = std::nullopt});
  average(full({3, 2}, 1.0));
  average(full({3, 2}, 4.0));
  EXPECT_NEAR(average.running_mean[1].item(), 2.5, 1e-10);
  // A call that fails is not counted.
  EXPECT_THROW(average(full({3, 7}, 1.0)), ShapeError);
  EXPECT_EQ(average.num_batches_tracked.item<int64_t>(), 2);
  BatchNorm1d bare(root, "bn", {.num_features = 2, .affine = false, .track_running_stats = false});
  EXPECT_EQ(shapes(bare), "");
  bare.eval();
  EXPECT_NEAR(bare(randn({9, 2})).mean().item(), 0, 1e-10);
}

TEST(Layers, NormsOfTheTrailingDimensions) {
  LayerNorm norm(root, "norm", {.normalized_shape = {2, 3}});
  EXPECT_EQ(shapes(norm), "weight[2, 3] bias[2, 3] ");
  const Tensor y = norm(randn({4, 2, 3}));
  EXPECT_NEAR(y[1].mean().item(), 0, 1e-6);
  EXPECT_NEAR((y[1] * y[1]).mean().item(), 1, 1e-3);
  RMSNorm rms(root, "norm", {.normalized_shape = 3});
  EXPECT_EQ(shapes(rms), "weight[3] ");
  EXPECT_NEAR((rms(tensor({3, 4, 12}))).to_vector<double>()[2], 12 / std::sqrt(169.0 / 3), 1e-5);
  EXPECT_THROW(LayerNorm(root, "norm", {}), ValueError);
}

TEST(Layers, ErrorsCarryThePath) {
  Sequential net;
  net.add<Linear>("fc", {.in_features = 8, .out_features = 3});
  try {
    net(ones({2, 7}));
    FAIL();
  } catch (const ShapeError& error) {
    EXPECT_THAT(error.what(), HasSubstr("in Sequential.fc"));
  }
}

TEST(Layers, OptionsAreCheckedWhereTheyAreGiven) {
  for (const double bad : {-1.0, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_THROW(LayerNorm(root, "a", {.normalized_shape = 2, .eps = bad}), ValueError);
    EXPECT_THROW(RMSNorm(root, "b", {.normalized_shape = 2, .eps = bad}), ValueError);
    EXPECT_THROW(BatchNorm1d(root, "c", {.num_features = 2, .eps = bad}), ValueError);
    EXPECT_THROW(BatchNorm1d(root, "d", {.num_features = 2, .momentum = bad}), ValueError);
    EXPECT_THROW(Dropout(root, "e", {.p = bad}), ValueError);
    EXPECT_THROW(MultiheadAttention(root, "f", {.embed_dim = 2, .num_heads = 1, .dropout = bad}), ValueError);
  }
  EXPECT_THROW(LeakyReLU(root, "g", {.negative_slope = std::numeric_limits<double>::infinity()}), ValueError);
}

TEST(Layers, RmsNormTakesTheEpsilonOfTheDtype) {
  RMSNorm norm(root, "norm", {.normalized_shape = 1});
  EXPECT_NEAR(norm(full({1}, std::sqrt(0x1p-23))).item(), std::sqrt(0.5), 1e-6);
}

}  // namespace
}  // namespace farro::nn
