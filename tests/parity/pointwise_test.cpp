// SPDX-License-Identifier: Apache-2.0
// Elementwise functions and matrix products: values and gradients, broadcasting, and the points where a gradient is a
// convention.
#include <farro/kernels/conv/conv.h>
#include <farro/kernels/matmul/matmul.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/pointwise/activation.h>
#include <farro/kernels/pointwise/arithmetic.h>
#include <farro/kernels/pointwise/choose.h>
#include <farro/kernels/pointwise/compare.h>
#include <farro/kernels/pointwise/power.h>
#include <farro/kernels/pointwise/unary.h>
#include <farro/kernels/random/random.h>
#include <farro/tests/parity/compare.h>

#include <limits>

namespace farro::parity {
namespace {

using Functions = Parity;
INSTANTIATE_TEST_SUITE_P(, Functions, ::testing::Values(DType::f64, DType::f32), dtype_name);

using Unary = Tensor (*)(const Tensor&);
using Binary = Tensor (*)(const Tensor&, const Tensor&);

TEST_P(Functions, OfOneTensor) {
  const std::vector<std::pair<const char*, Unary>> anywhere{
      {"exp", &exp},       {"expm1", &expm1}, {"sin", &sin},     {"cos", &cos},   {"erf", &erf},     {"abs", &abs},
      {"square", &square}, {"sign", &sign},   {"floor", &floor}, {"ceil", &ceil}, {"round", &round}, {"neg", &neg}};
  for (const auto& [op, ours] : anywhere) {
    Tensor x = randn({4, 6});
    x.select(0, 0).copy_(tensor({0, -0.0, 0.5, 1.5, 2.5, -0.5}));
    expect_parity(op, {x}, [&](const Tensors& in) { return ours(in[0]); }, Aten{op});
  }
  const std::vector<std::pair<const char*, Unary>> positive{
      {"log", &log}, {"log1p", &log1p}, {"sqrt", &sqrt}, {"rsqrt", &rsqrt}, {"reciprocal", &reciprocal}};
  for (const auto& [op, ours] : positive)
    expect_parity(op, {rand({4, 6}) + 0.1}, [&](const Tensors& in) { return ours(in[0]); }, Aten{op});
}

TEST_P(Functions, OfTwoTensorsWithBroadcasting) {
  const std::vector<std::pair<const char*, Binary>> functions{
      {"sub.Tensor", &sub}, {"mul.Tensor", &mul}, {"maximum", &maximum}, {"minimum", &minimum}};
  for (const auto& [a, b] : {std::pair{Shape{3, 4}, Shape{3, 4}}, {Shape{3, 1}, Shape{2, 1, 4}}, {Shape{}, Shape{3}}}) {
    for (const auto& [op, ours] : functions)
      expect_parity(
          str(op, a, b), {randn(a), randn(b)}, [&](const Tensors& in) { return ours(in[0], in[1]); }, Aten{op});
    expect_parity(
        str("add", a, b), {randn(a), randn(b)}, [](const Tensors& in) { return add(in[0], in[1], 0.3); },
        Aten{"add.Tensor", {}, {{"alpha", 0.3}}});
    expect_parity(
        str("div", a, b), {randn(a), rand(b) + 0.5}, [](const Tensors& in) { return div(in[0], in[1]); },
        Aten{"div.Tensor"});
    expect_parity(
        str("pow", a, b), {rand(a) + 0.5, randn(b)}, [](const Tensors& in) { return pow(in[0], in[1]); },
        Aten{"pow.Tensor_Tensor"});
  }
}

// Equal arguments share the gradient; powers of 0 and of negative numbers.
TEST_P(Functions, AtTheirCorners) {
  const Tensor a = randint(0, 3, {20}).to(GetParam()), b = randint(0, 3, {20}).to(GetParam());
  expect_parity("maximum", {a, b}, [](const Tensors& in) { return maximum(in[0], in[1]); }, Aten{"maximum"});
  expect_parity("minimum", {a, b}, [](const Tensors& in) { return minimum(in[0], in[1]); }, Aten{"minimum"});
  expect_parity("pow", {a, b}, [](const Tensors& in) { return pow(in[0], in[1]); }, Aten{"pow.Tensor_Tensor"});
  for (const double exponent : {0.0, 1.0, 2.0, 3.0, -1.0, 0.5, 2.5})
    expect_parity(
        str("pow ", exponent), {exponent == int64_t(exponent) ? randn({6}) : rand({6}) + 0.1},
        [&](const Tensors& in) { return pow(in[0], exponent); }, Aten{"pow.Tensor_Scalar", {exponent}});
  for (const double base : {0.0, 2.0, 0.3})
    expect_parity(
        str(base, " to the power"), {rand({6}) + 0.1}, [&](const Tensors& in) { return pow(base, in[0]); },
        [&](const PeerTensors& in) { return aten("pow.Scalar", {base, in[0]}); });
}

// The gradient passes at the bounds themselves.
TEST_P(Functions, Clamp) {
  const Tensor x = tensor({-2, -1, -0.5, 0, 0.5, 1, 2}).to(GetParam());
  expect_parity("both", {x}, [](const Tensors& in) { return clamp(in[0], -1.0, 1.0); }, Aten{"clamp", {-1.0, 1.0}});
  expect_parity("low", {x}, [](const Tensors& in) { return clamp(in[0], -0.5, std::nullopt); }, Aten{"clamp", {-0.5}});
  expect_parity(
      "high", {x}, [](const Tensors& in) { return clamp(in[0], std::nullopt, 0.5); },
      Aten{"clamp", {std::monostate(), 0.5}});
}

// NaN and infinities (but for sign, which keeps NaN in Farro and makes it 0 in LibTorch). Values alone: what the
// gradient is there nobody has promised.
TEST_P(Functions, OfNaN) {
  const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  const Tensor x = tensor({nan, infinity, -infinity, 0, -0.0, nan}).to(GetParam());
  const Tensor y = tensor({1, nan, infinity, nan, 0, nan}).to(GetParam());
  const PeerTensor peer_x = PeerTensor::copy_of(x), peer_y = PeerTensor::copy_of(y);
  const std::vector<std::pair<const char*, Unary>> of_one{
      {"relu", &relu}, {"sigmoid", &sigmoid}, {"tanh", &tanh},   {"exp", &exp},          {"log", &log},
      {"sqrt", &sqrt}, {"round", &round},     {"isnan", &isnan}, {"isfinite", &isfinite}};
  for (const auto& [op, ours] : of_one) expect_close(op, ours(x), aten(op, {peer_x}).to_farro(), 0);
  const std::vector<std::pair<const char*, Binary>> of_two{
      {"maximum", &maximum}, {"minimum", &minimum}, {"pow.Tensor_Tensor", &pow}, {"eq.Tensor", &eq},
      {"ne.Tensor", &ne},    {"lt.Tensor", &lt},    {"ge.Tensor", &ge},          {"logical_and", &logical_and},
      {"div.Tensor", &div}};
  for (const auto& [op, ours] : of_two) expect_close(op, ours(x, y), aten(op, {peer_x, peer_y}).to_farro(), 0);
  expect_close("clamp", clamp(x, -1.0, 1.0), aten("clamp", {peer_x, -1.0, 1.0}).to_farro(), 0);
}

TEST_P(Functions, MatrixProducts) {
  const std::vector<std::pair<Shape, Shape>> shapes{
      {{5}, {5}},          {{3, 5}, {5}},          {{5}, {5, 4}},       {{3, 5}, {5, 4}},
      {{2, 3, 5}, {5, 4}}, {{2, 3, 5}, {2, 5, 4}}, {{3, 5}, {2, 5, 4}}, {{2, 1, 3, 5}, {6, 5, 4}},
      {{5}, {2, 5, 4}}};
  for (const auto& [a, b] : shapes)
    expect_parity(
        str("matmul ", a, b), {randn(a), randn(b)}, [](const Tensors& in) { return matmul(in[0], in[1]); },
        Aten{"matmul"});
  for (const Shape& input : {Shape{3, 4}, Shape{4}, Shape{3, 1}})
    expect_parity(
        str("addmm ", input), {randn(input), randn({3, 5}), randn({5, 4})},
        [](const Tensors& in) { return addmm(in[0], in[1], in[2], 0.5, 2); },
        Aten{"addmm", {}, {{"beta", 0.5}, {"alpha", 2.0}}});
  expect_parity(
      "bmm", {randn({2, 3, 5}), randn({2, 5, 4})}, [](const Tensors& in) { return bmm(in[0], in[1]); }, Aten{"bmm"});
}

// The transposes have no layer yet.
TEST_P(Functions, TransposedConvolutions) {
  for (int rank = 1; rank <= 3; ++rank)
    for (const ConvTransposeOptions& o : {ConvTransposeOptions{},
                                          {.stride = {2}},
                                          {.stride = {2}, .padding = {1}, .output_padding = {1}},
                                          {.padding = {1}, .dilation = {2}},
                                          {.stride = {3}, .groups = 2}}) {
      Shape x{2, 4}, weight{4, 6 / o.groups};
      for (int i = 0; i < rank; ++i) x.push_back(5), weight.push_back(3);
      const auto each = [&](const Dims& given, int64_t otherwise) {
        return Dims::filled(rank, given.empty() ? otherwise : given[0]);
      };
      const std::vector<NamedPeerValue> named{{"stride", each(o.stride, 1)},
                                              {"padding", each(o.padding, 0)},
                                              {"output_padding", each(o.output_padding, 0)},
                                              {"dilation", each(o.dilation, 1)},
                                              {"groups", o.groups}};
      const auto ours = rank == 1 ? &conv_transpose1d : rank == 2 ? &conv_transpose2d : &conv_transpose3d;
      expect_parity(
          str(rank, "d, stride ", o.stride, ", padding ", o.padding, ", output_padding ", o.output_padding,
              ", dilation ", o.dilation, ", groups ", o.groups),
          {randn(x), randn(weight), randn({6})}, [&](const Tensors& in) { return ours(in[0], in[1], in[2], o); },
          Aten{str("conv_transpose", rank, rank == 1 ? "d" : "d.input"), {}, named});
    }
}

}  // namespace
}  // namespace farro::parity
