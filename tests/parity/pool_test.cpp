// SPDX-License-Identifier: Apache-2.0
// Pooling in one to three dimensions, as modules.
#include <farro/kernels/pointwise/compare.h>
#include <farro/kernels/random/random.h>
#include <farro/nn/layers/pool.h>
#include <farro/tests/parity/compare.h>

#include <limits>

namespace farro::parity {
namespace {

using Pools = Parity;
INSTANTIATE_TEST_SUITE_P(, Pools, ::testing::Values(DType::f64, DType::f32), dtype_name);

// LibTorch's lists have one entry for each spatial dimension, or are empty.
Dims expand(const nn::Extents& extents, int rank, int64_t otherwise) {
  return extents.empty() ? Dims::filled(rank, otherwise) : extents.expand("option", rank);
}

std::vector<NamedPeerValue> window(const nn::PoolLayerOptions& o, int rank) {
  const Dims kernel = o.kernel_size.expand("kernel_size", rank);
  return {{"kernel_size", kernel},
          {"stride", o.stride.empty() ? kernel : o.stride.expand("stride", rank)},
          {"padding", expand(o.padding, rank, 0)},
          {"ceil_mode", o.ceil_mode}};
}

std::string describe(const char* op, const nn::PoolLayerOptions& o, const Tensor& x) {
  return str(op, " of ", x.sizes(), ", kernel ", o.kernel_size, ", stride ", o.stride, ", padding ", o.padding,
             ", dilation ", o.dilation, o.ceil_mode ? ", ceil" : "", o.count_include_pad ? "" : ", without padding");
}

template <class Pool>
void expect_parity_of_max_pool(int rank, const nn::PoolLayerOptions& o, const Tensor& x) {
  Pool ours(nn::root, "pool", o);
  Aten theirs{str("max_pool", rank, "d"), {}, window(o, rank)};
  theirs.named.emplace_back("dilation", expand(o.dilation, rank, 1));
  expect_parity(describe("max", o, x), {x}, [&](const Tensors& in) { return ours(in[0]); }, theirs);
}

template <class Pool>
void expect_parity_of_avg_pool(int rank, const nn::PoolLayerOptions& o, const Tensor& x) {
  Pool ours(nn::root, "pool", o);
  Aten theirs{str("avg_pool", rank, "d"), {}, window(o, rank)};
  theirs.named.emplace_back("count_include_pad", o.count_include_pad);
  expect_parity(describe("avg", o, x), {x}, [&](const Tensors& in) { return ours(in[0]); }, theirs);
}

// What the ranks share. The sizes leave a rest behind the last whole window.
const std::vector<nn::PoolLayerOptions> kWindows{
    {.kernel_size = 2},
    {.kernel_size = 3, .stride = 2},
    {.kernel_size = 3, .stride = 1, .padding = 1},
    {.kernel_size = 3, .stride = 2, .ceil_mode = true},
    {.kernel_size = 3, .stride = 2, .padding = 1, .ceil_mode = true},
    {.kernel_size = 2, .stride = 3, .padding = 1, .ceil_mode = true},  // a last window would start in the padding
};

template <class Max, class Avg>
void expect_parity_of_pools(int rank, const Tensor& x) {
  for (nn::PoolLayerOptions o : kWindows) {
    expect_parity_of_max_pool<Max>(rank, o, x);
    expect_parity_of_avg_pool<Avg>(rank, o, x);
    o.count_include_pad = false;
    expect_parity_of_avg_pool<Avg>(rank, o, x);
  }
  for (const bool ceil : {false, true})
    expect_parity_of_max_pool<Max>(rank,
                                   {.kernel_size = 2, .stride = 2, .padding = 1, .dilation = 3, .ceil_mode = ceil}, x);
}

TEST_P(Pools, OneDimension) {
  expect_parity_of_pools<nn::MaxPool1d, nn::AvgPool1d>(1, randn({2, 3, 10}));
  expect_parity_of_pools<nn::MaxPool1d, nn::AvgPool1d>(1, randn({3, 11}));
}
TEST_P(Pools, TwoDimensions) {
  expect_parity_of_pools<nn::MaxPool2d, nn::AvgPool2d>(2, randn({2, 3, 8, 11}));
  expect_parity_of_pools<nn::MaxPool2d, nn::AvgPool2d>(2, randn({3, 10, 9}));
}
TEST_P(Pools, ThreeDimensions) { expect_parity_of_pools<nn::MaxPool3d, nn::AvgPool3d>(3, randn({2, 2, 6, 7, 8})); }

TEST_P(Pools, UnevenWindows) {
  const nn::PoolLayerOptions o{.kernel_size = {3, 2}, .stride = {1, 2}, .padding = {1, 0}};
  expect_parity_of_max_pool<nn::MaxPool2d>(2, o, randn({2, 3, 7, 8}));
  expect_parity_of_avg_pool<nn::AvgPool2d>(2, o, randn({2, 3, 7, 8}));
}

// The gradient of equal elements goes to the first one.
TEST_P(Pools, EqualElements) {
  const Tensor x = randint(0, 2, {1, 2, 8, 8}).to(GetParam());
  expect_parity_of_max_pool<nn::MaxPool2d>(2, {.kernel_size = 3, .stride = 2}, x);
}

TEST_P(Pools, NaNIsTheGreatest) {
  Tensor x = randn({1, 2, 7, 7});
  x.masked_fill_(rand({1, 2, 7, 7}) < 0.1, std::numeric_limits<double>::quiet_NaN());
  expect_parity_of_max_pool<nn::MaxPool2d>(2, {.kernel_size = 2}, x);
}

template <class Avg, class Max>
void expect_parity_of_adaptive_pools(int rank, const Dims& to, const Shape& spatial) {
  Shape sizes{2, 3};
  for (int64_t size : spatial) sizes.push_back(size);
  nn::AdaptivePoolOptions o;
  for (int64_t size : to) o.output_size.push_back(size);
  Avg avg(nn::root, "pool", o);
  Max max(nn::root, "pool", o);
  const std::string what = str(sizes, " to ", to);
  expect_parity(
      "adaptive avg " + what, {randn(sizes)}, [&](const Tensors& in) { return avg(in[0]); },
      Aten{str("adaptive_avg_pool", rank, "d"), {to}});
  expect_parity(
      "adaptive max " + what, {randn(sizes)}, [&](const Tensors& in) { return max(in[0]); },
      [&](const PeerTensors& in) { return aten(str("adaptive_max_pool", rank, "d"), {in[0], to}); });
}

TEST_P(Pools, Adaptive) {
  for (const int64_t to : {1, 3, 5, 7, 9}) {
    expect_parity_of_adaptive_pools<nn::AdaptiveAvgPool1d, nn::AdaptiveMaxPool1d>(1, {to}, {7});
    expect_parity_of_adaptive_pools<nn::AdaptiveAvgPool2d, nn::AdaptiveMaxPool2d>(2, {to, 2}, {7, 9});
    expect_parity_of_adaptive_pools<nn::AdaptiveAvgPool3d, nn::AdaptiveMaxPool3d>(3, {2, to, 3}, {4, 5, 6});
  }
}

}  // namespace
}  // namespace farro::parity
