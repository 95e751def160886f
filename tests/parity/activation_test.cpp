// SPDX-License-Identifier: Apache-2.0
// Activations as modules, softmax, dropout in evaluation, and the functions behind them.
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/pointwise/activation.h>
#include <farro/kernels/random/random.h>
#include <farro/kernels/softmax/softmax.h>
#include <farro/nn/layers/activation.h>
#include <farro/nn/layers/dropout.h>
#include <farro/nn/layers/pool.h>
#include <farro/tests/parity/compare.h>

#include <limits>

namespace farro::parity {
namespace {

using Activations = Parity;
INSTANTIATE_TEST_SUITE_P(, Activations, ::testing::Values(DType::f64, DType::f32), dtype_name);

// Ordinary values, and those where a formula could break: 0, both tails.
Tensor activation_input() {
  Tensor x = randn({6, 10}) * 2.0;
  x.select(0, 0).copy_(tensor({0, -0.0, 1e-4, -1e-4, 5, -5, 20, -20, 60, -60}));
  return x;
}

template <class Module>
void expect_parity_of_activation(const Aten& theirs, const typename Module::Options& options) {
  Module ours(nn::root, "act", options);
  expect_parity(theirs.op, {activation_input()}, [&](const Tensors& in) { return ours(in[0]); }, theirs);
}
template <class Module>
void expect_parity_of_activation(const Aten& theirs) {
  Module ours(nn::root, "act");
  expect_parity(theirs.op, {activation_input()}, [&](const Tensors& in) { return ours(in[0]); }, theirs);
}

TEST_P(Activations, Modules) {
  expect_parity_of_activation<nn::ReLU>({"relu"});
  expect_parity_of_activation<nn::SiLU>({"silu"});
  expect_parity_of_activation<nn::Sigmoid>({"sigmoid"});
  expect_parity_of_activation<nn::Tanh>({"tanh"});
  expect_parity_of_activation<nn::LeakyReLU>({"leaky_relu"});
  expect_parity_of_activation<nn::LeakyReLU>({"leaky_relu", {0.2}}, {.negative_slope = 0.2});
  expect_parity_of_activation<nn::GELU>({"gelu"});
  expect_parity_of_activation<nn::GELU>({"gelu", {}, {{"approximate", "tanh"}}},
                                        {.approximation = GeluApproximation::tanh});
  expect_parity_of_activation<nn::Softmax>({"softmax.int", {0}}, {.dim = 0});
}

TEST_P(Activations, Softmax) {
  for (const Shape& sizes : {Shape{4, 7}, Shape{3, 2, 5}, Shape{9}})
    for (int64_t dim = -1; dim < sizes.size(); ++dim) {
      const std::string what = str(sizes, " over ", dim);
      const Tensor x = randn(sizes) * 3.0;
      expect_parity(
          "softmax " + what, {x}, [&](const Tensors& in) { return softmax(in[0], dim); }, Aten{"softmax.int", {dim}});
      expect_parity(
          "log_softmax " + what, {x}, [&](const Tensors& in) { return log_softmax(in[0], dim); },
          Aten{"log_softmax.int", {dim}});
    }
}

// Huge values, and -infinity as masks put it there; a row of nothing else is NaN.
TEST_P(Activations, SoftmaxOfExtremes) {
  const double never = -std::numeric_limits<double>::infinity();
  const Tensor x = tensor(std::vector<double>{1e4, -1e4, 0, 3, never, 1, 2, never, never, never, never, never}, {3, 4})
                       .to(GetParam());
  expect_parity("softmax", {x}, [](const Tensors& in) { return softmax(in[0], 1); }, Aten{"softmax.int", {1}});
  expect_parity(
      "log_softmax", {x.narrow(0, 0, 1)}, [](const Tensors& in) { return log_softmax(in[0], 1); },
      Aten{"log_softmax.int", {1}});
}

TEST_P(Activations, DropoutInEvaluationAndFlatten) {
  nn::Dropout drop(nn::root, "drop", {.p = 0.3});
  drop.eval();
  expect_parity(
      "dropout", {randn({4, 5})}, [&](const Tensors& in) { return drop(in[0]); }, Aten{"dropout", {0.3, false}});
  nn::Flatten flatten(nn::root, "flatten");
  expect_parity(
      "flatten", {randn({2, 3, 4})}, [&](const Tensors& in) { return flatten(in[0]); },
      Aten{"flatten.using_ints", {1}});
}

}  // namespace
}  // namespace farro::parity
