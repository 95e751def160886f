// SPDX-License-Identifier: Apache-2.0
// matmul, bmm, addmm and linear against a double-precision loop, over ranks, layouts and dtypes.
#include <farro/kernels/matmul/matmul.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/pointwise/arithmetic.h>

#include <gtest/gtest.h>

#include <cmath>

namespace farro {
namespace {

// Values in [-1, 1) that differ from each other.
Tensor values(const Shape& sizes, DType dtype = DType::f32, int seed = 1) {
  const int64_t numel = checked_numel("values", sizes);
  std::vector<double> data(static_cast<size_t>(numel));
  uint32_t state = static_cast<uint32_t>(seed) * 2654435761u + 1;
  for (double& value : data) {
    state = state * 1664525u + 1013904223u;
    value =
        is_floating(dtype) ? static_cast<double>(state >> 8) / 8388608.0 - 1 : static_cast<double>(state >> 24) - 128;
  }
  return tensor(data, sizes).to(dtype);
}

// The product of two matrices of doubles.
std::vector<double> product(const Tensor& a, const Tensor& b) {
  const auto x = a.to_vector<double>(), y = b.to_vector<double>();
  const size_t m = static_cast<size_t>(a.size(0)), k = static_cast<size_t>(a.size(1)),
               n = static_cast<size_t>(b.size(1));
  std::vector<double> out(m * n);
  for (size_t i = 0; i < m; ++i)
    for (size_t p = 0; p < k; ++p)
      for (size_t j = 0; j < n; ++j) out[i * n + j] += x[i * k + p] * y[p * n + j];
  return out;
}

void expect_near(const std::vector<double>& got, const std::vector<double>& want, double tolerance) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], want[i], tolerance) << "element " << i;
}

TEST(Matmul, MatricesOfManySizesAndLayouts) {
  for (int64_t m : {1, 2, 7, 33, 130})
    for (int64_t n : {1, 3, 16, 65})
      for (int64_t k : {0, 1, 5, 64, 300})
        for (int layout = 0; layout < 4; ++layout) {
          const Tensor a = layout & 1 ? values({k, m}).t() : values({m, k});
          const Tensor b = layout & 2 ? values({n, k}, DType::f32, 2).t() : values({k, n}, DType::f32, 2);
          expect_near(matmul(a, b).to_vector<double>(), product(a, b), 1e-4);
        }
}

TEST(Matmul, ViewsWithGaps) {
  const Tensor a = values({20, 30}).slice(1, 0, 30, 3), b = values({40, 22}).slice(0, 3, 13).slice(1, 1, 22, 2);
  expect_near(matmul(a, b).to_vector<double>(), product(a, b), 1e-4);
  const Tensor row = values({1, 10}).expand({6, 10});
  expect_near(matmul(row, b).to_vector<double>(), product(row, b), 1e-4);
}

TEST(Matmul, EveryDType) {
  for (DType dtype : {DType::f64, DType::f16, DType::bf16, DType::i64, DType::i32, DType::i16, DType::i8, DType::u8}) {
    const Tensor a = values({9, 17}, dtype), b = values({17, 11}, dtype, 5);
    std::vector<double> want = product(a, b);
    if (!is_floating(dtype)) want = tensor(want, Shape{9, 11}).to(DType::i64).to(dtype).to_vector<double>();
    const double tolerance = dtype == DType::f64 ? 1e-13 : dtype == DType::f16 ? 4e-3 : dtype == DType::bf16 ? 3e-2 : 0;
    expect_near(matmul(a, b).to_vector<double>(), want, tolerance);
  }
}

TEST(Matmul, RanksAndBatches) {
  const Tensor a = values({4, 5}), b = values({5, 3}), v = values({5});
  EXPECT_EQ(matmul(v, v).sizes(), Shape{});
  EXPECT_EQ(matmul(a, v).sizes(), (Shape{4}));
  EXPECT_EQ(matmul(v, b).sizes(), (Shape{3}));
  const Tensor x = values({2, 3, 4, 5}), y = values({3, 5, 6}, DType::f32, 3);
  const Tensor z = matmul(x, y);
  EXPECT_EQ(z.sizes(), (Shape{2, 3, 4, 6}));
  for (int64_t i = 0; i < 2; ++i)
    for (int64_t j = 0; j < 3; ++j) expect_near(z[i][j].to_vector<double>(), product(x[i][j], y[j]), 1e-5);
  const Tensor folded = matmul(x, b), permuted = matmul(x.permute({1, 0, 2, 3}), b);
  expect_near(folded[1][2].to_vector<double>(), product(x[1][2], b), 1e-5);
  expect_near(permuted[2][1].to_vector<double>(), product(x[1][2], b), 1e-5);
  EXPECT_EQ(matmul(values({0, 4, 5}), b).sizes(), (Shape{0, 4, 3}));
  EXPECT_EQ(bmm(values({2, 4, 5}), values({2, 5, 3})).sizes(), (Shape{2, 4, 3}));
}

TEST(Linear, AddsTheBias) {
  const Tensor x = values({2, 3, 8}), weight = values({5, 8}, DType::f32, 2), bias = values({5}, DType::f32, 3);
  const Tensor y = linear(x, weight, bias);
  EXPECT_EQ(y.sizes(), (Shape{2, 3, 5}));
  expect_near(y[1].to_vector<double>(), (matmul(x[1], weight.t()) + bias).to_vector<double>(), 1e-6);
  expect_near(linear(x.transpose(0, 1), weight, bias)[2].to_vector<double>(), y.select(1, 2).to_vector<double>(), 1e-6);
  EXPECT_EQ(linear(values({8}), weight).sizes(), (Shape{5}));
}

TEST(Linear, Gradients) {
  Tensor x = values({4, 6}).set_requires_grad(), weight = values({3, 6}, DType::f32, 2).set_requires_grad();
  const Tensor g = values({4, 3}, DType::f32, 9);
  linear(x, weight).backward(g);
  expect_near(x.grad().to_vector<double>(), product(g, weight.detach()), 1e-5);
  expect_near(weight.grad().to_vector<double>(), product(g.t(), x.detach()), 1e-5);
}

template <class E>
std::string message_of(auto&& fn) {
  try {
    fn();
  } catch (const E& error) {
    return error.what();
  }
  return "no error";
}

TEST(Matmul, ErrorsNameTheArguments) {
  const Tensor a = values({2, 3}), b = values({4, 5});
  EXPECT_EQ(message_of<ShapeError>([&] { matmul(a, b); }),
            "matmul: the last size of a must equal the last but one of b, got 3 and 4 (a: f32 [2, 3] cpu, b: f32 [4, "
            "5] cpu)");
  EXPECT_EQ(message_of<DTypeError>([&] { matmul(a, b.to(DType::f64)); }),
            "matmul: a and b must have one dtype, got f32 and f64 (a: f32 [2, 3] cpu, b: f64 [4, 5] cpu)");
  EXPECT_EQ(
      message_of<ShapeError>([&] { linear(a, b); }),
      "linear: the last size of x must equal weight's in size 5, got 3 (x: f32 [2, 3] cpu, weight: f32 [4, 5] cpu)");
  EXPECT_EQ(message_of<ShapeError>([&] { linear(values({2, 5}), b, values({5})); }),
            "linear: bias must have shape [4], got [5] (bias: f32 [5] cpu)");
}

}  // namespace
}  // namespace farro
