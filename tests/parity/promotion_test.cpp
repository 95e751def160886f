// SPDX-License-Identifier: Apache-2.0
// Which dtype an operation gives: every pair of dtypes, with dimensions and without, and every dtype with every kind of
// number. Values are small integers, exact in all dtypes but for quotients.
#include <farro/core/op/promotion.h>
#include <farro/core/random/generator.h>
#include <farro/kernels/index/join.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/pointwise/arithmetic.h>
#include <farro/kernels/pointwise/choose.h>
#include <farro/kernels/pointwise/compare.h>
#include <farro/kernels/pointwise/power.h>
#include <farro/kernels/pointwise/unary.h>
#include <farro/kernels/random/random.h>
#include <farro/kernels/reduce/scan.h>
#include <farro/kernels/reduce/sum.h>
#include <farro/tests/parity/compare.h>

namespace farro::parity {
namespace {

constexpr DType kAll[] = {DType::f64, DType::f32, DType::f16, DType::bf16, DType::i64,
                          DType::i32, DType::i16, DType::i8,  DType::u8,   DType::boolean};

struct Promotion : ::testing::Test {
  Promotion() { manual_seed(1); }
};

Tensor values(DType dtype, const Shape& sizes, int64_t first) {
  const int64_t count = sizes.empty() ? 1 : sizes[0];
  return arange(first, first + count, 1, {.dtype = DType::i64}).reshape(sizes).to(dtype);
}

// fn(a, b, what) for every pair of dtypes, each with dimensions and without.
template <class Fn>
void for_each_pair(Fn&& fn) {
  for (const DType a : kAll)
    for (const DType b : kAll)
      for (const Shape& a_sizes : {Shape{3}, Shape{}})
        for (const Shape& b_sizes : {Shape{3}, Shape{}}) {
          const Tensor x = values(a, a_sizes, 1), y = values(b, b_sizes, 2);
          fn(x, y, str(x, " and ", y));
        }
}

template <class OursFn>
void expect_parity_of_pairs(const Aten& theirs, const OursFn& ours) {
  for_each_pair([&](const Tensor& x, const Tensor& y, const std::string& what) {
    expect_parity(str(theirs.op, ": ", what), {x, y}, [&](const Tensors& in) { return ours(in[0], in[1]); }, theirs);
  });
}

TEST_F(Promotion, ResultType) {
  for_each_pair([](const Tensor& x, const Tensor& y, const std::string& what) {
    EXPECT_EQ(name(result_type(x, y)), name(peer_result_type(PeerTensor::copy_of(x), PeerTensor::copy_of(y)))) << what;
  });
}

TEST_F(Promotion, OfTwoTensors) {
  expect_parity_of_pairs({"add.Tensor"}, [](const Tensor& a, const Tensor& b) { return a + b; });
  expect_parity_of_pairs({"mul.Tensor"}, [](const Tensor& a, const Tensor& b) { return a * b; });
  expect_parity_of_pairs({"div.Tensor"}, [](const Tensor& a, const Tensor& b) { return a / b; });
  expect_parity_of_pairs({"maximum"}, [](const Tensor& a, const Tensor& b) { return maximum(a, b); });
  expect_parity_of_pairs({"lt.Tensor"}, [](const Tensor& a, const Tensor& b) { return a < b; });
  expect_parity_of_pairs({"logical_xor"}, [](const Tensor& a, const Tensor& b) { return logical_xor(a, b); });
}

TEST_F(Promotion, OfThreeTensors) {
  const Tensor condition = tensor({1, 0, 1}).to(DType::boolean);
  const PeerTensor peer_condition = PeerTensor::copy_of(condition);
  for_each_pair([&](const Tensor& x, const Tensor& y, const std::string& what) {
    expect_parity(
        "where: " + what, {x, y}, [&](const Tensors& in) { return where(condition, in[0], in[1]); },
        [&](const PeerTensors& in) { return aten("where.self", {peer_condition, in[0], in[1]}); });
  });
}

TEST_F(Promotion, OfJoinedTensors) {
  for (const DType a : kAll)
    for (const DType b : kAll)
      expect_parity(
          str("cat ", a, " and ", b), {values(a, {2}, 1), values(b, {3}, 2)}, [](const Tensors& in) { return cat(in); },
          [](const PeerTensors& in) { return aten("cat", {in}); });
}

// A number counts by its kind only.
TEST_F(Promotion, OfTensorAndNumber) {
  const auto check = [](const Tensor& x, Scalar number, const PeerValue& peer, const std::string& what) {
    expect_parity("add " + what, {x}, [&](const Tensors& in) { return in[0] + number; }, Aten{"add.Scalar", {peer}});
    expect_parity("mul " + what, {x}, [&](const Tensors& in) { return number * in[0]; }, Aten{"mul.Scalar", {peer}});
    expect_parity("div " + what, {x}, [&](const Tensors& in) { return in[0] / number; }, Aten{"div.Scalar", {peer}});
    expect_parity("ge " + what, {x}, [&](const Tensors& in) { return in[0] >= number; }, Aten{"ge.Scalar", {peer}});
  };
  for (const DType dtype : kAll)
    for (const Shape& sizes : {Shape{3}, Shape{}}) {
      const Tensor x = values(dtype, sizes, 1);
      check(x, 2, int64_t{2}, str(x, " and 2"));
      check(x, 2.0, 2.0, str(x, " and 2.0"));
      check(x, true, true, str(x, " and true"));
    }
}

TEST_F(Promotion, OfPowers) {
  for (const DType dtype : kAll) {
    if (dtype == DType::boolean) continue;  // LibTorch has no powers of bool
    const Tensor x = values(dtype, {3}, 1);
    expect_parity(
        str(x, " to 2"), {x}, [](const Tensors& in) { return pow(in[0], 2); }, Aten{"pow.Tensor_Scalar", {int64_t{2}}});
    expect_parity(
        str(x, " to 2.0"), {x}, [](const Tensors& in) { return pow(in[0], 2.0); }, Aten{"pow.Tensor_Scalar", {2.0}});
    expect_parity(
        str("2.0 to ", x), {x}, [](const Tensors& in) { return pow(2.0, in[0]); },
        [](const PeerTensors& in) { return aten("pow.Scalar", {2.0, in[0]}); });
  }
}

TEST_F(Promotion, OfClamping) {
  for (const DType dtype : kAll) {
    if (dtype == DType::boolean || dtype == DType::f16) continue;  // LibTorch 1.13 clamps f16 on the GPU alone
    const Tensor x = values(dtype, {5}, 0);
    expect_parity(
        str(x, " by 1 and 3"), {x}, [](const Tensors& in) { return clamp(in[0], 1, 3); },
        Aten{"clamp", {int64_t{1}, int64_t{3}}});
    expect_parity(
        str(x, " by 1.5"), {x}, [](const Tensors& in) { return clamp(in[0], 1.5, std::nullopt); },
        Aten{"clamp", {1.5}});
  }
}

// Floating functions give the default dtype for integers; sums of integers are i64.
TEST_F(Promotion, OfOneTensor) {
  for (const DType dtype : kAll) {
    const bool half = dtype == DType::f16 || dtype == DType::bf16;
    const Tensor x = values(dtype, {3}, 1);
    const std::string what = str(" of ", x);
    if (dtype != DType::f16) {  // LibTorch 1.13 has these only on the GPU for f16
      expect_parity("exp" + what, {x}, [](const Tensors& in) { return exp(in[0]); }, Aten{"exp"});
      expect_parity("sqrt" + what, {x}, [](const Tensors& in) { return sqrt(in[0]); }, Aten{"sqrt"});
    }
    expect_parity("sum" + what, {x}, [](const Tensors& in) { return sum(in[0]); }, Aten{"sum"});
    if (!half) {
      expect_parity("prod" + what, {x}, [](const Tensors& in) { return prod(in[0]); }, Aten{"prod"});
      expect_parity("cumsum" + what, {x}, [](const Tensors& in) { return cumsum(in[0], 0); }, Aten{"cumsum", {0}});
    }
    if (dtype != DType::u8)  // where LibTorch gives u8, from the time before it had bool
      expect_parity("any" + what, {x}, [](const Tensors& in) { return any(in[0]); }, Aten{"any"});
    if (dtype != DType::boolean) {
      expect_parity("neg" + what, {x}, [](const Tensors& in) { return neg(in[0]); }, Aten{"neg"});
      expect_parity("abs" + what, {x}, [](const Tensors& in) { return abs(in[0]); }, Aten{"abs"});
    }
  }
}

// Rounding to nearest even, truncation toward zero, anything but 0 is true; exactly. Where a value does not fit into an
// integer nobody promises anything.
TEST_F(Promotion, Conversions) {
  const Tensor numbers = cat({randn({500}) * 30.0, tensor({0, 0.5, 1.5, 2.5, 100, 1e-6, 3e-5})}, 0);
  for (const DType from : kAll)
    for (const DType to : kAll) {
      const bool unsigned_one = from == DType::u8 || to == DType::u8;
      const Tensor x = (unsigned_one ? abs(numbers) : numbers).to(DType::f64).to(from);
      expect_close(str(from, " to ", to), x.to(to), aten("to.dtype", {PeerTensor::copy_of(x), to}).to_farro(), 0);
    }
}

// What a factory gives that is told no dtype.
TEST_F(Promotion, Factories) {
  const auto check = [](const std::string& what, const Tensor& ours, const PeerTensor& theirs) {
    expect_close(what, ours, theirs.to_farro(), rounding(ours.dtype(), 1));
  };
  check("arange 7", arange(7), aten("arange", {7}));
  check("arange of floats", arange(0.5, 3.1, 0.25), aten("arange.start_step", {0.5, 3.1, 0.25}));
  check("arange of both", arange(1, 4, 0.5), aten("arange.start_step", {1, 4, 0.5}));
  check("arange downwards", arange(5, -2, -3), aten("arange.start_step", {5, -2, -3}));
  check("linspace", linspace(-1, 2, 11), aten("linspace", {-1.0, 2.0, 11}));
  check("linspace of one", linspace(-1, 2, 1), aten("linspace", {-1.0, 2.0, 1}));
  check("eye", eye(3, 4), aten("eye.m", {3, 4}));
  check("full of a number", full({2}, 1.5), aten("full", {Dims{2}, 1.5}));
  check("full of an integer", full({2}, 3), aten("full", {Dims{2}, 3}));
  check("full of a bool", full({2}, true), aten("full", {Dims{2}, true}));
}

// In place the left side keeps its dtype, and a result of a higher category is an error.
TEST_F(Promotion, InPlace) {
  const auto outcome = [](const auto& change) -> std::string {
    try {
      return name(change());
    } catch (const std::exception&) {
      return "an error";
    }
  };
  for_each_pair([&](const Tensor& x, const Tensor& y, const std::string& what) {
    if (x.dim() < y.dim()) return;
    const PeerTensor peer_x = PeerTensor::copy_of(x), peer_y = PeerTensor::copy_of(y);
    const std::string ours = outcome([&] { return x.clone().add_(y).dtype(); });
    const std::string theirs = outcome([&] { return aten("add_.Tensor", {peer_x, peer_y}).dtype(); });
    EXPECT_EQ(ours, theirs) << what;
  });
}

}  // namespace
}  // namespace farro::parity
