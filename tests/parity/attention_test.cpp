// SPDX-License-Identifier: Apache-2.0
// scaled_dot_product_attention beside its formula in LibTorch's operators; 1.13 lacks the function.
#include <farro/kernels/attention/attention.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/pointwise/compare.h>
#include <farro/kernels/random/random.h>
#include <farro/tests/parity/compare.h>

#include <cmath>
#include <limits>

namespace farro::parity {
namespace {

using Attention = Parity;
INSTANTIATE_TEST_SUITE_P(, Attention, ::testing::Values(DType::f64, DType::f32), dtype_name);

struct Case {
  std::string what;
  Shape q{2, 3, 5, 4}, k{2, 3, 5, 4}, v{2, 3, 5, 4};
  AttentionOptions options = {};
};

PeerTensor formula(const PeerTensors& in, const Case& c, const PeerTensor& mask) {
  const double never = -std::numeric_limits<double>::infinity();
  const double scale = c.options.scale.value_or(1 / std::sqrt(static_cast<double>(c.q.back())));
  PeerTensor scores = aten("mul.Scalar", {aten("matmul", {in[0], aten("transpose.int", {in[1], -2, -1})}), scale});
  if (mask.defined() && mask.dtype() == DType::boolean)
    scores = aten("masked_fill.Scalar", {scores, aten("logical_not", {mask}), never});
  else if (mask.defined())
    scores = aten("add.Tensor", {scores, mask});
  if (c.options.causal) {
    const PeerTensor all =
        PeerTensor::copy_of(ones({c.q[c.q.size() - 2], c.k[c.k.size() - 2]}, {.dtype = DType::boolean}));
    scores = aten("masked_fill.Scalar", {scores, aten("triu", {all, 1}), never});
  }
  return aten("matmul", {aten("softmax.int", {scores, -1}), in[2]});
}

void expect_parity_of(const Case& c) {
  const PeerTensor mask = PeerTensor::copy_of(c.options.mask);
  expect_parity(
      c.what, {randn(c.q), randn(c.k), randn(c.v)},
      [&](const Tensors& in) { return scaled_dot_product_attention(in[0], in[1], in[2], c.options); },
      [&](const PeerTensors& in) { return formula(in, c, mask); });
}

TEST_P(Attention, Shapes) {
  expect_parity_of({.what = "plain"});
  expect_parity_of({.what = "other lengths", .k = {2, 3, 7, 4}, .v = {2, 3, 7, 4}});
  expect_parity_of({.what = "wider values", .v = {2, 3, 5, 9}});
  expect_parity_of({.what = "without heads", .q = {2, 5, 4}, .k = {2, 6, 4}, .v = {2, 6, 4}});
  expect_parity_of({.what = "one query", .q = {2, 3, 1, 4}});
  expect_parity_of({.what = "long", .q = {1, 2, 70, 16}, .k = {1, 2, 150, 16}, .v = {1, 2, 150, 16}});
  expect_parity_of({.what = "scale", .options = {.scale = 0.3}});
}

TEST_P(Attention, Causal) {
  expect_parity_of({.what = "square", .options = {.causal = true}});
  expect_parity_of({.what = "more keys", .k = {2, 3, 8, 4}, .v = {2, 3, 8, 4}, .options = {.causal = true}});
  expect_parity_of({.what = "more queries", .q = {2, 3, 9, 4}, .options = {.causal = true}});
  expect_parity_of({.what = "long",
                    .q = {1, 1, 130, 8},
                    .k = {1, 1, 130, 8},
                    .v = {1, 1, 130, 8},
                    .options = {.causal = true, .scale = 0.5}});
}

// Masks leave every query a key: one without any gives 0 in Farro and NaN in the formula.
TEST_P(Attention, Masks) {
  Tensor some = rand({5, 5}) > 0.4;
  some.select(1, 0).fill_(true);
  expect_parity_of({.what = "bool", .options = {.mask = some}});
  expect_parity_of({.what = "bool and causal", .options = {.mask = some, .causal = true}});
  expect_parity_of({.what = "bool, of each batch", .options = {.mask = rand({2, 1, 1, 5}) < 0.9}});
  expect_parity_of({.what = "additive", .options = {.mask = randn({5, 5})}});
  expect_parity_of({.what = "additive, of each head", .options = {.mask = randn({3, 5, 5}), .causal = true}});
}

}  // namespace
}  // namespace farro::parity
