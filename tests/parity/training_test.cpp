// SPDX-License-Identifier: Apache-2.0
// Whole networks from one state dict, trained side by side for five steps: every loss, every parameter, every buffer.
//
// Adam divides a gradient by its own magnitude plus eps, so where a gradient is 0 but for rounding (that of a bias
// before a batch norm, that of attention's key bias) its default eps would turn roundings into steps. With eps equal to
// the learning rate a parameter changes by no more than its gradient does, and the roundings of the steps only add up.
#include <farro/kernels/loss/cross_entropy.h>
#include <farro/kernels/pointwise/activation.h>
#include <farro/kernels/pool/pool.h>
#include <farro/kernels/random/random.h>
#include <farro/nn/models/gpt.h>
#include <farro/tests/parity/compare.h>

namespace farro::parity {
namespace {

constexpr int kSteps = 5;
constexpr double kLr = 1e-2;

// Named and sized as the peer's.
struct LeNet : nn::Module {
  nn::Conv2d conv1{*this, "conv1", {.in_channels = 1, .out_channels = 6, .kernel_size = 5, .padding = 2}};
  nn::BatchNorm2d norm{*this, "norm", {.num_features = 6}};
  nn::Conv2d conv2{*this, "conv2", {.in_channels = 6, .out_channels = 12, .kernel_size = 3}};
  nn::Linear fc1{*this, "fc1", {.in_features = 12 * 3 * 3, .out_features = 24}};
  nn::Linear fc2{*this, "fc2", {.in_features = 24, .out_features = 10}};

  Tensor forward(const Tensor& images) override {
    Tensor x = max_pool2d(relu(norm(conv1(images))), {.kernel_size = {2}});
    x = avg_pool2d(relu(conv2(x)), {.kernel_size = {2}});
    return fc2(tanh(fc1(x.flatten(1))));
  }
};

struct Batch {
  Tensor input, target;
};

// The logits' classes come last; `terms` bounds the terms of one sum.
template <class NextBatch>
void expect_parity_of_training(nn::Module& ours, PeerModule& theirs, int64_t terms, const NextBatch& next) {
  ASSERT_NO_FATAL_FAILURE(copy_state(ours, theirs));
  const optim::AdamOptions options{.lr = kLr, .eps = kLr};
  optim::Adam adam(ours.parameters(), options);
  PeerTensors peer_params;
  for (const auto& [name, parameter] : theirs.parameters()) peer_params.push_back(parameter);
  const PeerOptimizerPtr peer_adam = peer_optimizer(std::vector<PeerGroup<optim::AdamOptions>>{{peer_params, options}});
  for (int step = 0; step < kSteps; ++step) {
    const double tolerance = (step + 1) * rounding(default_dtype(), terms);
    const std::string what = str("step ", step);
    const Batch batch = next();
    adam.zero_grad();
    const Tensor logits = ours(batch.input);
    const Tensor loss = cross_entropy(logits.reshape({-1, logits.size(-1)}), batch.target.flatten());
    loss.backward();
    adam.step();
    for (const PeerTensor& parameter : peer_params) parameter.clear_grad();
    const PeerTensor peer_logits = theirs.forward({PeerTensor::copy_of(batch.input)});
    const PeerTensor peer_loss = aten("cross_entropy_loss", {aten("reshape", {peer_logits, Dims{-1, logits.size(-1)}}),
                                                             PeerTensor::copy_of(batch.target.flatten())});
    peer_loss.backward();
    peer_adam->step();
    expect_close(what + ", loss", loss.detach(), peer_loss.to_farro(), tolerance);
    expect_same_state(what, ours, theirs, tolerance);
  }
}

using Training = Parity;
INSTANTIATE_TEST_SUITE_P(, Training, ::testing::Values(DType::f64, DType::f32), dtype_name);

TEST_P(Training, LeNet) {
  LeNet net;
  // The longest sums are those of a filter's gradient, over the batch and all places.
  expect_parity_of_training(net, *peer_lenet(), 8 * 16 * 16,
                            [] { return Batch{randn({8, 1, 16, 16}), randint(0, 10, {8})}; });
}

TEST_P(Training, TransformerOfTwoBlocks) {
  const nn::GPTOptions o{.vocab_size = 17, .block_size = 12, .layers = 2, .heads = 4, .embed_dim = 32};
  nn::GPT net(o);
  // The longest sums: 4 E of the MLP, and the batch and all places in gradients.
  expect_parity_of_training(net, *peer_gpt(o), 4 * 32, [] {
    const Tensor tokens = randint(0, 17, {4, 13});
    return Batch{tokens.narrow(1, 0, 12).contiguous(), tokens.narrow(1, 1, 12).contiguous()};
  });
}

}  // namespace
}  // namespace farro::parity
