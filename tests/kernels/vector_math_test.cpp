// SPDX-License-Identifier: Apache-2.0
// The vectorised elementary functions against the C library in double: at most 2 units in the last place over all of
// f32, for the instruction set in use (FARRO_CPU_ISA chooses another).
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/pointwise/activation.h>
#include <farro/kernels/pointwise/power.h>
#include <farro/kernels/pointwise/unary.h>

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

namespace farro {
namespace {

// Distance from the exact result in units of its last place as a float.
double ulps(float got, double exact) {
  const auto want = static_cast<float>(exact);
  if (std::isnan(want) || std::isnan(got)) return std::isnan(want) && std::isnan(got) ? 0 : INFINITY;
  if (got == want) return std::signbit(got) == std::signbit(want) ? 0 : INFINITY;
  if (std::isinf(want) || std::isinf(got))
    return std::abs(exact) > 3.40282e38 && std::abs(exact) < 3.40283e38 ? 1 : INFINITY;
  int exponent = 0;
  std::frexp(want, &exponent);
  return std::abs(got - exact) / std::ldexp(1.0, std::max(exponent - 24, -149));
}

// Every kind of value: all bit patterns alike, and the ranges where the functions bend.
std::vector<float> points() {
  std::vector<float> values{0.f,
                            -0.f,
                            1.f,
                            -1.f,
                            INFINITY,
                            -INFINITY,
                            NAN,
                            1e-45f,
                            -1e-45f,
                            1.17549435e-38f,
                            88.722f,
                            88.73f,
                            -87.4f,
                            -103.97f,
                            -104.f,
                            std::numeric_limits<float>::max(),
                            std::numeric_limits<float>::lowest()};
  std::mt19937 engine(5);
  for (int i = 0; i < 400'000; ++i) values.push_back(std::bit_cast<float>(static_cast<uint32_t>(engine())));
  for (const float reach : {0.01f, 1.f, 12.f, 110.f}) {
    std::uniform_real_distribution<float> uniform(-reach, reach);
    for (int i = 0; i < 150'000; ++i) values.push_back(uniform(engine));
  }
  return values;
}

void expect_accurate(const char* name, Tensor (*function)(const Tensor&), double (*exact)(double), double limit = 2) {
  const std::vector<float> at = points();
  const std::vector<float> got = function(tensor(at)).to_vector<float>();
  double worst = 0;
  size_t where = 0;
  for (size_t i = 0; i < at.size(); ++i) {
    const double error = ulps(got[i], exact(static_cast<double>(at[i])));
    if (error <= worst) continue;
    worst = error;
    where = i;
  }
  EXPECT_LE(worst, limit) << name << "(" << at[where] << ") is " << got[where] << ", not " << exact(at[where]);
}

double exact_sigmoid(double x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); }
double exact_gelu(double x) { return std::isinf(x) ? (x > 0 ? x : -0.0) : x * 0.5 * std::erfc(-x / std::sqrt(2.0)); }

TEST(VectorMath, IsWithinTwoUlp) {
  expect_accurate("exp", exp, [](double x) { return std::exp(x); });
  expect_accurate("expm1", expm1, [](double x) { return std::expm1(x); });
  expect_accurate("log", log, [](double x) { return std::log(x); });
  expect_accurate("log1p", log1p, [](double x) { return std::log1p(x); });
  expect_accurate("sin", sin, [](double x) { return std::sin(x); });
  expect_accurate("cos", cos, [](double x) { return std::cos(x); });
  expect_accurate("erf", erf, [](double x) { return std::erf(x); });
  expect_accurate("tanh", tanh, [](double x) { return std::tanh(x); });
  expect_accurate("sigmoid", sigmoid, exact_sigmoid);
  expect_accurate("gelu", [](const Tensor& a) { return gelu(a); }, exact_gelu);
  expect_accurate("sqrt", sqrt, [](double x) { return std::sqrt(x); });
}

TEST(VectorMath, PowIsWithinTwoUlp) {
  std::mt19937 engine(6);
  std::uniform_real_distribution<float> mantissa(-1, 1), exponent(-40, 40);
  std::vector<float> base, power;
  for (int i = 0; i < 300'000; ++i) {
    base.push_back(std::ldexp(mantissa(engine), static_cast<int>(exponent(engine))));
    power.push_back(i % 3 ? exponent(engine) : std::floor(exponent(engine)));
  }
  const std::vector<float> got = pow(tensor(base), tensor(power)).to_vector<float>();
  double worst = 0;
  for (size_t i = 0; i < base.size(); ++i)
    worst = std::max(worst, ulps(got[i], std::pow(double(base[i]), double(power[i]))));
  EXPECT_LE(worst, 2);
}

}  // namespace
}  // namespace farro
