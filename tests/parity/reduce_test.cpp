// SPDX-License-Identifier: Apache-2.0
// Reductions over all dimensions and some, with and without kept ones, and at the points where gradients need a rule.
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/pointwise/arithmetic.h>
#include <farro/kernels/random/random.h>
#include <farro/kernels/reduce/extremum.h>
#include <farro/kernels/reduce/moments.h>
#include <farro/kernels/reduce/scan.h>
#include <farro/kernels/reduce/sum.h>
#include <farro/tests/parity/compare.h>

#include <limits>

namespace farro::parity {
namespace {

using Reductions = Parity;
INSTANTIATE_TEST_SUITE_P(, Reductions, ::testing::Values(DType::f64, DType::f32), dtype_name);

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Each way to name dimensions of a [3, 4, 5].
const std::vector<Dims> kDims{{}, {0}, {-1}, {1}, {0, 2}, {-2, 0}, {0, 1, 2}};

template <class Check>
void for_each_dims(Check&& check) {
  for (const Dims& dims : kDims)
    for (const bool keep : {false, true}) check(dims, keep, str(" over ", dims, keep ? ", kept" : ""));
}

TEST_P(Reductions, SumAndMean) {
  for_each_dims([](const Dims& dims, bool keep, const std::string& what) {
    const Tensor x = randn({3, 4, 5});
    expect_parity(
        "sum" + what, {x}, [&](const Tensors& in) { return sum(in[0], dims, keep); },
        Aten{"sum.dim_IntList", {dims, keep}});
    expect_parity(
        "mean" + what, {x}, [&](const Tensors& in) { return mean(in[0], dims, keep); }, Aten{"mean.dim", {dims, keep}});
  });
}

TEST_P(Reductions, Variance) {
  for_each_dims([](const Dims& dims, bool keep, const std::string& what) {
    // LibTorch's gradient takes an empty list for no dimensions.
    const PeerValue peer_dims = dims.empty() ? PeerValue() : PeerValue(dims);
    for (const bool unbiased : {true, false})
      expect_parity(
          str("var", what, ", unbiased ", unbiased), {randn({3, 4, 5}) + 3.0},
          [&](const Tensors& in) { return var(in[0], dims, unbiased, keep); },
          Aten{"var.dim", {peer_dims, unbiased, keep}});
  });
  expect_parity(
      "var of one", {randn({3, 1})}, [](const Tensors& in) { return var(in[0], {1}); }, Aten{"var.dim", {Dims{1}}});
}

TEST_P(Reductions, Norm) {
  for_each_dims([](const Dims& dims, bool keep, const std::string& what) {
    for (const double p : {2.0, 1.0, 3.0, 0.5, kInfinity, -kInfinity})
      expect_parity(
          str("norm ", p, what), {randn({3, 4, 5})}, [&](const Tensors& in) { return norm(in[0], p, dims, keep); },
          Aten{"linalg_vector_norm", {p, dims, keep}});
    // A count: Farro records no history for it, LibTorch one that gives zeros.
    expect_parity(
        "norm 0" + what, {randint(0, 3, {3, 4, 5}).to(GetParam())},
        [&](const Tensors& in) { return norm(in[0], 0, dims, keep); },
        [&](const PeerTensors& in) { return aten("detach", {aten("linalg_vector_norm", {in[0], 0.0, dims, keep})}); });
  });
  expect_parity(
      "norm of zeros", {zeros({2, 3})}, [](const Tensors& in) { return norm(in[0], 2, {1}); },
      Aten{"linalg_vector_norm", {2.0, Dims{1}}});
}

TEST_P(Reductions, LogSumExp) {
  const Tensor extremes = tensor(std::vector<double>{1e4, 9e3, 3, 1, 2, 3, -kInfinity, 0, 1}, {3, 3}).to(GetParam());
  for (const Dims& dims : {Dims{0}, Dims{1}, Dims{0, 1}})
    for (const bool keep : {false, true}) {
      const auto ours = [&](const Tensors& in) { return logsumexp(in[0], dims, keep); };
      expect_parity(str("over ", dims), {randn({4, 6})}, ours, Aten{"logsumexp", {dims, keep}});
      expect_parity(str("extremes over ", dims), {extremes}, ours, Aten{"logsumexp", {dims, keep}});
    }
}

TEST_P(Reductions, GreatestAndLeast) {
  // Few different values: equal ones share the gradient.
  const Tensor ties = randint(0, 3, {3, 4, 5}).to(GetParam());
  for_each_dims([&](const Dims& dims, bool keep, const std::string& what) {
    for (const Tensor& x : {randn({3, 4, 5}), ties}) {
      expect_parity(
          "amax" + what, {x}, [&](const Tensors& in) { return amax(in[0], dims, keep); }, Aten{"amax", {dims, keep}});
      expect_parity(
          "amin" + what, {x}, [&](const Tensors& in) { return amin(in[0], dims, keep); }, Aten{"amin", {dims, keep}});
    }
  });
  for (const Tensor& x : {randn({3, 4, 5}), ties}) {
    expect_parity("max", {x}, [](const Tensors& in) { return max(in[0]); }, Aten{"max"});
    expect_parity("min", {x}, [](const Tensors& in) { return min(in[0]); }, Aten{"min"});
  }
}

TEST_P(Reductions, WhereTheGreatestStands) {
  for (const int64_t dim : {0, 1, -1})
    for (const bool keep : {false, true}) {
      const std::string what = str(" over ", dim, keep ? ", kept" : "");
      const Tensor x = randn({3, 4, 5});
      expect_parity(
          "max" + what, {x}, [&](const Tensors& in) { return max(in[0], dim, keep); }, Aten{"max.dim", {dim, keep}});
      expect_parity(
          "min" + what, {x}, [&](const Tensors& in) { return min(in[0], dim, keep); }, Aten{"min.dim", {dim, keep}});
      expect_parity(
          "argmax" + what, {x}, [&](const Tensors& in) { return argmax(in[0], dim, keep); },
          Aten{"argmax", {dim, keep}});
      expect_parity(
          "argmin" + what, {x}, [&](const Tensors& in) { return argmin(in[0], dim, keep); },
          Aten{"argmin", {dim, keep}});
    }
  const Tensor x = randn({3, 4, 5});
  expect_parity("argmax", {x}, [](const Tensors& in) { return argmax(in[0]); }, Aten{"argmax"});
  expect_parity("argmin", {x}, [](const Tensors& in) { return argmin(in[0]); }, Aten{"argmin"});
}

// The first of equal values, and a NaN before everything.
TEST_P(Reductions, WhereEqualValuesAndNaNStand) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor x = tensor(std::vector<double>{1, 3, 3, 2, nan, 5, nan, 7, 2, 2, 2, 2}, {3, 4}).to(GetParam());
  const auto values_and_index = [](const Tensors& in) { return max(in[0], 1); };
  expect_parity("max", {x}, values_and_index, Aten{"max.dim", {1}});
  expect_parity("argmin", {x}, [](const Tensors& in) { return argmin(in[0], 1); }, Aten{"argmin", {1}});
  expect_parity(
      "amax", {x.narrow(0, 1, 1)}, [](const Tensors& in) { return amax(in[0]).detach(); },
      [](const PeerTensors& in) { return aten("detach", {aten("amax", {in[0]})}); });
}

TEST_P(Reductions, Products) {
  Tensor one_zero = randn({3, 4}), two_zeros = randn({3, 4});
  one_zero[1][2].fill_(0);
  two_zeros[1][2].fill_(0), two_zeros[1][0].fill_(0);
  for (const Tensor& x : {randn({3, 4}), one_zero, two_zeros}) {
    expect_parity("prod", {x}, [](const Tensors& in) { return prod(in[0]); }, Aten{"prod"});
    for (const int64_t dim : {0, 1}) {
      expect_parity(
          str("prod over ", dim), {x}, [&](const Tensors& in) { return prod(in[0], {dim}); },
          Aten{"prod.dim_int", {dim}});
      expect_parity(
          str("cumsum over ", dim), {x}, [&](const Tensors& in) { return cumsum(in[0], dim); }, Aten{"cumsum", {dim}});
    }
  }
}

TEST_P(Reductions, AnyAndAll) {
  const Tensor x = randint(0, 3, {4, 3}).to(GetParam());
  for (const int64_t dim : {0, 1}) {
    expect_parity(
        str("any over ", dim), {x}, [&](const Tensors& in) { return any(in[0], {dim}); }, Aten{"any.dim", {dim}});
    expect_parity(
        str("all over ", dim), {x}, [&](const Tensors& in) { return all(in[0], {dim}); }, Aten{"all.dim", {dim}});
  }
  expect_parity("any", {x}, [](const Tensors& in) { return any(in[0]); }, Aten{"any"});
  expect_parity("all", {x}, [](const Tensors& in) { return all(in[0]); }, Aten{"all"});
}

TEST_P(Reductions, OfNothing) {
  const Tensor x = zeros({0, 3});
  expect_parity("sum", {x}, [](const Tensors& in) { return sum(in[0]); }, Aten{"sum"});
  expect_parity(
      "sum over 0", {x}, [](const Tensors& in) { return sum(in[0], {0}); }, Aten{"sum.dim_IntList", {Dims{0}}});
  expect_parity("mean", {x}, [](const Tensors& in) { return mean(in[0]); }, Aten{"mean"});
  expect_parity("prod", {x}, [](const Tensors& in) { return prod(in[0]); }, Aten{"prod"});
  expect_parity(
      "logsumexp", {x}, [](const Tensors& in) { return logsumexp(in[0], {0}); }, Aten{"logsumexp", {Dims{0}}});
}

}  // namespace
}  // namespace farro::parity
