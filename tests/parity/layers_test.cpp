// SPDX-License-Identifier: Apache-2.0
// Modules with parameters or state: outputs, gradients, running statistics, names in state dicts.
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/pointwise/arithmetic.h>
#include <farro/kernels/pointwise/choose.h>
#include <farro/kernels/random/random.h>
#include <farro/nn/init/init.h>
#include <farro/tests/parity/compare.h>

#include <limits>

namespace farro::parity {
namespace {

using Layers = Parity;
INSTANTIATE_TEST_SUITE_P(, Layers, ::testing::Values(DType::f64, DType::f32), dtype_name);

TEST_P(Layers, Linear) {
  for (const bool bias : {true, false})
    for (const Shape& x : {Shape{5, 7}, Shape{2, 3, 7}, Shape{7}}) {
      const nn::LinearOptions o{.in_features = 7, .out_features = 4, .bias = bias};
      nn::Linear ours(nn::root, "fc", o);
      expect_parity_of_modules(str("bias ", bias, ", x ", x), ours, *peer_linear(o), randn(x));
    }
}

// Every combination that the layers of one rank share.
template <class Conv>
void expect_parity_of_convolutions(int rank, const Shape& spatial) {
  const std::vector<std::pair<const char*, nn::ConvLayerOptions>> cases{
      {"plain", {.in_channels = 4, .out_channels = 6, .kernel_size = 3}},
      {"no bias", {.in_channels = 4, .out_channels = 6, .kernel_size = 3, .bias = false}},
      {"pointwise", {.in_channels = 4, .out_channels = 6, .kernel_size = 1}},
      {"stride", {.in_channels = 4, .out_channels = 6, .kernel_size = 3, .stride = 2}},
      {"padding", {.in_channels = 4, .out_channels = 6, .kernel_size = 3, .padding = 2}},
      {"dilation", {.in_channels = 4, .out_channels = 6, .kernel_size = 3, .padding = 1, .dilation = 2}},
      {"same", {.in_channels = 4, .out_channels = 6, .kernel_size = 3, .same_padding = true}},
      {"same, even kernel", {.in_channels = 4, .out_channels = 6, .kernel_size = 2, .same_padding = true}},
      {"same, dilated", {.in_channels = 4, .out_channels = 6, .kernel_size = 3, .dilation = 2, .same_padding = true}},
      {"groups", {.in_channels = 4, .out_channels = 6, .kernel_size = 3, .padding = 1, .groups = 2}},
      {"depthwise", {.in_channels = 4, .out_channels = 4, .kernel_size = 3, .padding = 1, .groups = 4}},
      {"depthwise, two each", {.in_channels = 4, .out_channels = 8, .kernel_size = 3, .stride = 2, .groups = 4}},
      {"many channels", {.in_channels = 4, .out_channels = 40, .kernel_size = 3, .padding = 1}},
      {"all",
       {.in_channels = 4, .out_channels = 6, .kernel_size = 2, .stride = 2, .padding = 1, .dilation = 2, .groups = 2}},
  };
  Shape sizes{3, 4};
  for (int64_t size : spatial) sizes.push_back(size);
  for (const auto& [what, options] : cases) {
    Conv ours(nn::root, "conv", options);
    const PeerModulePtr theirs = peer_conv(rank, options);
    expect_parity_of_modules(what, ours, *theirs, randn(sizes));
    expect_parity_of_modules(str(what, ", one sample"), ours, *theirs, randn(sizes)[0]);
  }
}

TEST_P(Layers, Conv1d) { expect_parity_of_convolutions<nn::Conv1d>(1, {11}); }
TEST_P(Layers, Conv2d) { expect_parity_of_convolutions<nn::Conv2d>(2, {9, 8}); }
TEST_P(Layers, Conv3d) { expect_parity_of_convolutions<nn::Conv3d>(3, {6, 5, 7}); }

TEST_P(Layers, ConvolutionsWithUnevenWindows) {
  const nn::ConvLayerOptions two{.in_channels = 2,
                                 .out_channels = 3,
                                 .kernel_size = {3, 5},
                                 .stride = {2, 1},
                                 .padding = {0, 2},
                                 .dilation = {1, 2}};
  nn::Conv2d conv2(nn::root, "conv", two);
  expect_parity_of_modules("2d", conv2, *peer_conv(2, two), randn({2, 2, 9, 13}));
  const nn::ConvLayerOptions three{
      .in_channels = 2, .out_channels = 3, .kernel_size = {1, 3, 2}, .stride = {1, 2, 3}, .padding = {0, 1, 1}};
  nn::Conv3d conv3(nn::root, "conv", three);
  expect_parity_of_modules("3d", conv3, *peer_conv(3, three), randn({2, 2, 4, 7, 8}));
}

// Three batches in training, which move the running statistics, then evaluation with them.
template <class Norm>
void expect_parity_of_batch_norms(int rank, const Shape& sizes) {
  for (const nn::BatchNormOptions& o : {nn::BatchNormOptions{.num_features = 3},
                                        {.num_features = 3, .eps = 1e-2, .momentum = 0.7},
                                        {.num_features = 3, .momentum = std::nullopt},
                                        {.num_features = 3, .affine = false},
                                        {.num_features = 3, .track_running_stats = false}}) {
    const std::string what = str("x ", sizes, ", eps ", o.eps, ", momentum ", o.momentum.value_or(-1), ", affine ",
                                 o.affine, ", tracking ", o.track_running_stats);
    Norm ours(nn::root, "norm", o);
    if (o.affine) nn::init::normal_(ours.weight), nn::init::normal_(ours.bias);
    const PeerModulePtr theirs = peer_batch_norm(rank, o);
    expect_parity_of_modules(what, ours, *theirs, randn(sizes) * 3.0 + 1.0, 3);
    ours.eval();
    expect_parity_of_modules(what + ", evaluated", ours, *theirs, randn(sizes));
  }
}

TEST_P(Layers, BatchNorm1d) {
  expect_parity_of_batch_norms<nn::BatchNorm1d>(1, {6, 3});
  expect_parity_of_batch_norms<nn::BatchNorm1d>(1, {4, 3, 5});
}
TEST_P(Layers, BatchNorm2d) { expect_parity_of_batch_norms<nn::BatchNorm2d>(2, {4, 3, 5, 6}); }
TEST_P(Layers, BatchNorm3d) { expect_parity_of_batch_norms<nn::BatchNorm3d>(3, {2, 3, 4, 3, 5}); }

TEST_P(Layers, LayerNorm) {
  for (const nn::LayerNormOptions& o : {nn::LayerNormOptions{.normalized_shape = 6},
                                        {.normalized_shape = {4, 6}},
                                        {.normalized_shape = 6, .eps = 0.1},
                                        {.normalized_shape = {4, 6}, .affine = false}}) {
    nn::LayerNorm ours(nn::root, "norm", o);
    if (o.affine) nn::init::normal_(ours.weight), nn::init::normal_(ours.bias);
    expect_parity_of_modules(str("over ", o.normalized_shape, ", eps ", o.eps, ", affine ", o.affine), ours,
                             *peer_layer_norm(o), randn({3, 4, 6}) * 2.0 + 1.0);
  }
}

TEST_P(Layers, Embedding) {
  const Tensor indices = randint(0, 7, {3, 5});
  for (const int64_t padding : {-1, 0, 6}) {
    const nn::EmbeddingOptions o{.num_embeddings = 7, .embedding_dim = 4, .padding_idx = padding};
    nn::Embedding ours(nn::root, "table", o);
    expect_parity_of_modules(str("padding ", padding), ours, *peer_embedding(o), indices);
  }
}

TEST_P(Layers, MultiheadAttention) {
  for (const bool bias : {true, false}) {
    const nn::MultiheadAttentionOptions o{.embed_dim = 12, .num_heads = 3, .bias = bias};
    nn::MultiheadAttention ours(nn::root, "attn", o);
    if (bias) nn::init::normal_(ours.in_proj_bias), nn::init::normal_(ours.out_proj.bias);
    const PeerModulePtr theirs = peer_attention(o);
    const std::string with = bias ? "bias, " : "no bias, ";
    const auto attend = [&](const Tensors& in) { return ours(in[0], in[1], in[2], {.mask = in[3]}); };
    expect_parity_of_modules(with + "other lengths", ours, *theirs,
                             {randn({2, 4, 12}), randn({2, 6, 12}), randn({2, 6, 12}), {}}, attend);
    expect_parity_of_modules(with + "additive mask", ours, *theirs,
                             {randn({2, 4, 12}), randn({2, 6, 12}), randn({2, 6, 12}), randn({4, 6})}, attend);
  }
}

// LibTorch's attention knows no causal flag; its users add a triangle of -inf.
TEST_P(Layers, CausalSelfAttention) {
  const nn::MultiheadAttentionOptions o{.embed_dim = 12, .num_heads = 3};
  nn::MultiheadAttention ours(nn::root, "attn", o);
  const PeerModulePtr theirs = peer_attention(o);
  ASSERT_NO_FATAL_FAILURE(copy_state(ours, *theirs));
  const Tensor later = arange(5) > arange(5).unsqueeze(1);
  const PeerTensor mask =
      PeerTensor::copy_of(masked_fill(zeros({5, 5}), later, -std::numeric_limits<double>::infinity()));
  expect_parity(
      "causal", {randn({2, 5, 12})}, [&](const Tensors& in) { return ours(in[0], {.causal = true}); },
      [&](const PeerTensors& in) { return theirs->forward({in[0], in[0], in[0], mask}); });
}

}  // namespace
}  // namespace farro::parity
