// SPDX-License-Identifier: Apache-2.0
// Initial values: moments, ranges, orthogonality.
#include <farro/kernels/matmul/matmul.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/pointwise/arithmetic.h>
#include <farro/nn/init/init.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace farro::nn::init {
namespace {

struct Moments {
  double mean = 0, std = 0, low = 0, high = 0;
};

Moments moments(const Tensor& t) {
  const std::vector<double> v = t.to_vector<double>();
  Moments m{.low = v[0], .high = v[0]};
  for (double x : v) m.mean += x / double(v.size());
  for (double x : v) {
    m.std += (x - m.mean) * (x - m.mean) / double(v.size());
    m.low = std::min(m.low, x);
    m.high = std::max(m.high, x);
  }
  m.std = std::sqrt(m.std);
  return m;
}

Tensor f64(const Shape& sizes) { return empty(sizes, {.dtype = DType::f64}); }

TEST(Init, VariancesFollowTheFans) {
  manual_seed(1);
  EXPECT_NEAR(moments(xavier_uniform_(f64({300, 200}))).std, std::sqrt(2.0 / 500), 5e-4);
  EXPECT_NEAR(moments(xavier_normal_(f64({300, 200}), 2)).std, 2 * std::sqrt(2.0 / 500), 1e-3);
  EXPECT_NEAR(moments(kaiming_uniform_(f64({40, 20, 3, 3}))).std, std::sqrt(2.0 / 180), 2e-3);
  EXPECT_NEAR(
      moments(kaiming_normal_(f64({300, 200}), {.mode = FanMode::fan_out, .nonlinearity = Nonlinearity::tanh})).std,
      5.0 / 3 / std::sqrt(300.0), 1e-3);
  const double bound = 1 / std::sqrt(180.0);
  const Moments m = moments(kaiming_uniform_(f64({40, 20, 3, 3}), {.slope = std::sqrt(5.0)}));
  EXPECT_GE(m.low, -bound);
  EXPECT_LE(m.high, bound);
  EXPECT_GT(m.high, bound * 0.99);
  EXPECT_THROW(xavier_normal_(f64({3})), ShapeError);
}

TEST(Init, TruncatedNormalStaysInside) {
  manual_seed(2);
  const Moments m = moments(trunc_normal_(f64({100'000}), 1, 2, 0, 2));
  EXPECT_GE(m.low, 0);
  EXPECT_LE(m.high, 2);
  EXPECT_NEAR(m.mean, 1, 0.01);
  // Variance of a normal cut at half a standard deviation: 1 - 2 a phi(a) / (2 Phi(a) - 1), a = 0.5.
  EXPECT_NEAR(m.std, 2 * std::sqrt(1 - 0.35206532676 / 0.38292492254), 0.01);
}

TEST(Init, OrthogonalMatricesAreOrthonormal) {
  manual_seed(3);
  for (const Shape& sizes : {Shape{5, 5}, Shape{3, 8}, Shape{8, 3}, Shape{4, 2, 3}, Shape{1, 1}}) {
    const Tensor t = orthogonal_(f64(sizes), 2);
    const Tensor flat = t.flatten(1);
    const bool wide = flat.size(1) > flat.size(0);
    const Tensor gram = wide ? matmul(flat, flat.t()) : matmul(flat.t(), flat);
    const std::vector<double> got = gram.to_vector<double>(), want = (eye(gram.size(0)) * 4).to_vector<double>();
    for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], want[i], 1e-12) << to_string(sizes);
  }
}

TEST(Init, AGeneratorMakesItRepeat) {
  Generator a(5), b(5);
  EXPECT_EQ(normal_(f64({7}), 0, 1, &a).to_vector<double>(), normal_(f64({7}), 0, 1, &b).to_vector<double>());
  EXPECT_EQ(constant_(f64({2}), 3).to_vector<double>(), (std::vector<double>{3, 3}));
}

}  // namespace
}  // namespace farro::nn::init
