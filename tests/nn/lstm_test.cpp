// SPDX-License-Identifier: Apache-2.0
// LSTM beside its formula in double, one number at a time.
#include <farro/autograd/check/gradcheck.h>
#include <farro/autograd/engine/engine.h>
#include <farro/core/random/generator.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/pointwise/arithmetic.h>
#include <farro/kernels/random/random.h>
#include <farro/nn/layers/lstm.h>
#include <farro/nn/module/summary.h>

#include <gmock/gmock.h>

#include <cmath>

namespace farro::nn {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pointwise;

using Row = std::vector<double>;
Row values(const Tensor& t) { return t.to_vector<double>(); }
double sig(double x) { return 1 / (1 + std::exp(-x)); }

// One sequence of rows through one layer; h and c become the last ones.
std::vector<Row> plain_layer(const StateDict& state, const std::string& layer, const std::vector<Row>& x, Row& h,
                             Row& c) {
  const Row w_ih = values(state.at("weight_ih" + layer)), w_hh = values(state.at("weight_hh" + layer));
  const bool bias = state.find("bias_ih" + layer);
  const size_t size = h.size();
  const Row b_ih = bias ? values(state.at("bias_ih" + layer)) : Row(4 * size);
  const Row b_hh = bias ? values(state.at("bias_hh" + layer)) : Row(4 * size);
  std::vector<Row> out;
  for (const Row& step : x) {
    Row gates(4 * size);
    for (size_t r = 0; r < gates.size(); ++r) {
      gates[r] = b_ih[r] + b_hh[r];
      for (size_t k = 0; k < step.size(); ++k) gates[r] += w_ih[r * step.size() + k] * step[k];
      for (size_t k = 0; k < size; ++k) gates[r] += w_hh[r * size + k] * h[k];
    }
    for (size_t j = 0; j < size; ++j) {
      c[j] = sig(gates[size + j]) * c[j] + sig(gates[j]) * std::tanh(gates[2 * size + j]);
      h[j] = sig(gates[3 * size + j]) * std::tanh(c[j]);
    }
    out.push_back(h);
  }
  return out;
}

std::vector<Row> rows_of(const Tensor& t) {
  std::vector<Row> out;
  for (const Tensor& row : t.unbind(0)) out.push_back(values(row));
  return out;
}

TEST(LSTM, FollowsTheFormula) {
  const DefaultDTypeGuard guard(DType::f64);
  manual_seed(1);
  for (const bool bias : {true, false})
    for (const int64_t layers : {1, 3})
      for (const bool given : {false, true}) {
        LSTM lstm(root, "lstm", {.input_size = 3, .hidden_size = 4, .num_layers = layers, .bias = bias});
        const Tensor x = randn({5, 2, 3});
        const LSTMState start = given ? LSTMState{randn({layers, 2, 4}), randn({layers, 2, 4})} : LSTMState{};
        const auto [output, state] = lstm(x, start);
        ASSERT_EQ(output.sizes(), (Shape{5, 2, 4}));
        ASSERT_EQ(state.h.sizes(), (Shape{layers, 2, 4}));
        for (int64_t n = 0; n < 2; ++n) {
          std::vector<Row> expected = rows_of(x.select(1, n));
          for (int64_t k = 0; k < layers; ++k) {
            Row h = given ? values(start.h[k][n]) : Row(4), c = given ? values(start.c[k][n]) : Row(4);
            expected = plain_layer(lstm.state_dict(), str("_l", k), expected, h, c);
            EXPECT_THAT(values(state.h[k][n]), Pointwise(DoubleNear(1e-13), h));
            EXPECT_THAT(values(state.c[k][n]), Pointwise(DoubleNear(1e-13), c));
          }
          for (size_t t = 0; t < 5; ++t)
            EXPECT_THAT(values(output[int64_t(t)][n]), Pointwise(DoubleNear(1e-13), expected[t]));
        }
      }
}

TEST(LSTM, LayoutsAndPartsOfASequenceAgree) {
  const DefaultDTypeGuard guard(DType::f64);
  manual_seed(2);
  LSTM lstm(root, "lstm", {.input_size = 3, .hidden_size = 4, .num_layers = 2});
  LSTM batch_first(root, "lstm", {.input_size = 3, .hidden_size = 4, .num_layers = 2, .batch_first = true});
  batch_first.clone_from(lstm);
  const Tensor x = randn({6, 2, 3});
  const auto [output, state] = lstm(x);
  const auto [swapped, same_state] = batch_first(x.transpose(0, 1));
  EXPECT_EQ(values(swapped.transpose(0, 1)), values(output));
  EXPECT_EQ(values(same_state.c), values(state.c));
  const auto [head, middle] = lstm(x.narrow(0, 0, 4));
  const auto [tail, last] = lstm(x.narrow(0, 4, 2), middle);
  EXPECT_THAT(values(tail), Pointwise(DoubleNear(1e-14), values(output.narrow(0, 4, 2))));
  EXPECT_THAT(values(last.h), Pointwise(DoubleNear(1e-14), values(state.h)));
  const auto [alone, own] = lstm(x.select(1, 1), {middle.h.select(1, 0), {}});
  EXPECT_EQ(alone.sizes(), (Shape{6, 4}));
  EXPECT_EQ(own.h.sizes(), (Shape{2, 4}));
  EXPECT_THAT(values(lstm(x.select(1, 1)).output), Pointwise(DoubleNear(1e-14), values(output.select(1, 1))));
}

TEST(LSTM, NamesAndFirstValues) {
  manual_seed(3);
  const LSTM lstm(root, "lstm", {.input_size = 3, .hidden_size = 25, .num_layers = 2});
  std::string names;
  double most = 0;
  for (const auto& [name, tensor] : lstm.state_dict()) {
    names += str(name, tensor.sizes(), " ");
    for (double v : values(tensor)) most = std::max(most, std::abs(v));
  }
  EXPECT_EQ(names,
            "weight_ih_l0[100, 3] weight_hh_l0[100, 25] bias_ih_l0[100] bias_hh_l0[100] "
            "weight_ih_l1[100, 25] weight_hh_l1[100, 25] bias_ih_l1[100] bias_hh_l1[100] ");
  EXPECT_LE(most, 0.2);
  EXPECT_GT(most, 0.199);
}

TEST(LSTM, GradientsOfInputsStatesAndWeights) {
  const DefaultDTypeGuard guard(DType::f64);
  manual_seed(4);
  LSTM lstm(root, "lstm", {.input_size = 2, .hidden_size = 2, .num_layers = 2});
  std::vector<Tensor> inputs{randn({3, 2, 2}), randn({2, 2, 2}), randn({2, 2, 2})};
  for (Tensor& input : inputs) input.set_requires_grad();
  const auto run = [&](TensorList in) -> std::vector<Tensor> { return tensors_of(lstm(in[0], {in[1], in[2]})); };
  gradcheck(run, inputs);
  const auto [output, state] = lstm(inputs[0], {inputs[1], inputs[2]});
  (output.sum() + state.c.sum()).backward();
  for (const auto& [name, parameter] : lstm.named_parameters()) EXPECT_TRUE(parameter.grad().defined()) << name;
}

TEST(LSTM, DropoutLiesBetweenLayers) {
  manual_seed(5);
  LSTM lstm(root, "lstm", {.input_size = 2, .hidden_size = 8, .num_layers = 2, .dropout = 1});
  const Tensor x = randn({3, 1, 2});
  const Tensor first = lstm(x).output;
  EXPECT_EQ(values(lstm(x * 5).output), values(first));  // nothing of x reaches the second layer
  lstm.eval();
  EXPECT_NE(values(lstm(x * 5).output), values(lstm(x).output));
}

TEST(LSTM, HooksAndSummariesSeeOutputAndState) {
  LSTM lstm(root, "lstm", {.input_size = 3, .hidden_size = 4, .num_layers = 2});
  const Summary s = summary(lstm, [&] { lstm(empty({5, 2, 3}, {.device = Device::meta()})); });
  EXPECT_THAT(s.root().outputs, ElementsAre(Shape{5, 2, 4}, Shape{2, 2, 4}, Shape{2, 2, 4}));
  lstm.register_forward_hook([](ModuleBase&, const std::vector<Tensor>& inputs, std::vector<Tensor>& outputs) {
    EXPECT_EQ(inputs.size(), 3u);  // x, h, c
    outputs.at(2) = zeros_like(outputs[2]);
  });
  const auto [output, state] = lstm(randn({5, 2, 3}));
  EXPECT_EQ(values(state.c), Row(16));
  EXPECT_NE(values(state.h), Row(16));
}

TEST(LSTM, WrongSizesAreErrors) {
  EXPECT_THROW(LSTM(root, "lstm", {.input_size = 3}), ValueError);
  EXPECT_THROW(LSTM(root, "lstm", {.input_size = 3, .hidden_size = 4, .dropout = 1.5}), ValueError);
  LSTM lstm(root, "lstm", {.input_size = 3, .hidden_size = 4});
  EXPECT_THROW(lstm(randn({5, 2, 4})), ShapeError);
  EXPECT_THROW(lstm(randn({0, 2, 3})), ShapeError);
  EXPECT_THROW(lstm(Tensor()), ShapeError);
  EXPECT_EQ(lstm(randn({5, 0, 3})).output.sizes(), (Shape{5, 0, 4}));
  try {
    lstm(randn({5, 2, 3}), {.h = randn({1, 3, 4})});
    FAIL();
  } catch (const ShapeError& error) {
    EXPECT_THAT(error.what(), HasSubstr("LSTM: h must be [1, 2, 4], got f32 [1, 3, 4] cpu (x: f32 [5, 2, 3] cpu)"));
  }
}

}  // namespace
}  // namespace farro::nn
