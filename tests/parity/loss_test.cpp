// SPDX-License-Identifier: Apache-2.0
// Losses: every option and reduction, and targets that count for nothing.
#include <farro/kernels/loss/cross_entropy.h>
#include <farro/kernels/loss/nll_loss.h>
#include <farro/kernels/loss/pair_loss.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/pointwise/arithmetic.h>
#include <farro/kernels/random/random.h>
#include <farro/kernels/softmax/softmax.h>
#include <farro/tests/parity/compare.h>

namespace farro::parity {
namespace {

using Losses = Parity;
INSTANTIATE_TEST_SUITE_P(, Losses, ::testing::Values(DType::f64, DType::f32), dtype_name);

constexpr Reduction kReductions[] = {Reduction::none, Reduction::mean, Reduction::sum};

int64_t to_peer(Reduction reduction) { return reduction == Reduction::none ? 0 : reduction == Reduction::mean ? 1 : 2; }

void expect_parity_of_cross_entropy(const Tensor& logits, const Tensor& target, const CrossEntropyOptions& o) {
  const PeerTensor weight = PeerTensor::copy_of(o.weight);
  expect_parity(
      str("logits ", logits.sizes(), ", reduction ", to_peer(o.reduction), ", weighted ", weight.defined(),
          ", ignoring ", o.ignore_index, ", smoothing ", o.label_smoothing),
      {logits, target}, [&](const Tensors& in) { return cross_entropy(in[0], in[1], o); },
      Aten{"cross_entropy_loss", {weight, to_peer(o.reduction), o.ignore_index, o.label_smoothing}});
}

TEST_P(Losses, CrossEntropyOfClasses) {
  const Tensor weight = rand({5}) + 0.5;
  for (const Reduction reduction : kReductions)
    for (const Tensor& w : {Tensor(), weight})
      for (const int64_t ignored : {-100, 2})
        for (const double smoothing : {0.0, 0.1, 1.0})
          for (const Shape& sizes : {Shape{8, 5}, Shape{2, 5, 3}, Shape{2, 5, 2, 3}, Shape{5}}) {
            Shape rows = sizes;
            rows.erase(sizes.size() > 1 ? 1 : 0);
            // A single row may count for nothing: 0 / 0 has its own test.
            const Tensor target = sizes.size() > 1 ? randint(0, 5, rows) : full(rows, 3);
            expect_parity_of_cross_entropy(
                randn(sizes) * 2.0, target,
                {.reduction = reduction, .ignore_index = ignored, .label_smoothing = smoothing, .weight = w});
          }
}

TEST_P(Losses, CrossEntropyOfProbabilities) {
  const Tensor weight = rand({5}) + 0.5;
  for (const Reduction reduction : kReductions)
    for (const Tensor& w : {Tensor(), weight})
      for (const double smoothing : {0.0, 0.1})
        for (const Shape& sizes : {Shape{8, 5}, Shape{2, 5, 3}, Shape{5}})
          expect_parity_of_cross_entropy(randn(sizes), softmax(randn(sizes), sizes.size() > 1 ? 1 : 0),
                                         {.reduction = reduction, .label_smoothing = smoothing, .weight = w});
}

TEST_P(Losses, CrossEntropyWhereNoTargetCounts) {
  for (const Reduction reduction : kReductions)
    expect_parity_of_cross_entropy(randn({3, 4}), full({3}, 1), {.reduction = reduction, .ignore_index = 1});
}

TEST_P(Losses, NegativeLogLikelihood) {
  const Tensor weight = rand({5}) + 0.5;
  for (const Reduction reduction : kReductions)
    for (const Tensor& w : {Tensor(), weight})
      for (const int64_t ignored : {-100, 2})
        for (const Shape& sizes : {Shape{8, 5}, Shape{2, 5, 3}, Shape{2, 5, 2, 3}}) {
          Shape rows = sizes;
          rows.erase(1);
          const PeerTensor peer_weight = PeerTensor::copy_of(w);
          expect_parity(
              str("log-probabilities ", sizes, ", reduction ", to_peer(reduction), ", weighted ", w.defined(),
                  ", ignoring ", ignored),
              {log_softmax(randn(sizes), 1), randint(0, 5, rows)},
              [&](const Tensors& in) {
                return nll_loss(in[0], in[1], {.reduction = reduction, .ignore_index = ignored, .weight = w});
              },
              Aten{"nll_loss_nd", {peer_weight, to_peer(reduction), ignored}});
        }
}

TEST_P(Losses, OfPairs) {
  for (const Reduction reduction : kReductions)
    for (const Shape& sizes : {Shape{4, 6}, Shape{}}) {
      const std::string what = str(sizes, ", reduction ", to_peer(reduction));
      const Tensor a = randn(sizes), b = randn(sizes);
      if (!sizes.empty()) b.select(0, 0).copy_(a.select(0, 0));  // no difference: the gradient of |0|
      expect_parity(
          "mse_loss " + what, {a, b}, [&](const Tensors& in) { return mse_loss(in[0], in[1], reduction); },
          Aten{"mse_loss", {to_peer(reduction)}});
      expect_parity(
          "l1_loss " + what, {a, b}, [&](const Tensors& in) { return l1_loss(in[0], in[1], reduction); },
          Aten{"l1_loss", {to_peer(reduction)}});
    }
}

TEST_P(Losses, BinaryCrossEntropyWithLogits) {
  Tensor logits = randn({4, 6}) * 3.0;
  logits.select(0, 0).copy_(tensor({0, 50, -50, 200, -200, 1e-3}));
  // LibTorch 1.13 has no formula for the gradient of the target: the target is a constant.
  const Tensor target = rand({4, 6});
  const PeerTensor peer_target = PeerTensor::copy_of(target);
  for (const Reduction reduction : kReductions)
    expect_parity(
        str("reduction ", to_peer(reduction)), {logits},
        [&](const Tensors& in) { return binary_cross_entropy_with_logits(in[0], target, reduction); },
        [&](const PeerTensors& in) {
          return aten("binary_cross_entropy_with_logits", {in[0], peer_target}, {{"reduction", to_peer(reduction)}});
        });
}

}  // namespace
}  // namespace farro::parity
