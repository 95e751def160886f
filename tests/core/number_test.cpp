// SPDX-License-Identifier: Apache-2.0
// C++ numbers on their way into tensors: what a dtype holds, in every function that takes one; integers beyond 2^53;
// and the host templates for each element type.
#include <farro/tests/autograd/support.h>

#include <farro/core/state/state_dict.h>
#include <farro/core/tensor/number.h>
#include <farro/core/tensor/print.h>
#include <farro/kernels/index/indexing.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/pointwise/arithmetic.h>
#include <farro/kernels/pointwise/choose.h>
#include <farro/kernels/pointwise/compare.h>
#include <farro/kernels/pointwise/power.h>
#include <farro/kernels/random/random.h>
#include <farro/kernels/reduce/sum.h>

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <sstream>

namespace farro {
namespace {

using namespace testing_support;

constexpr DType kIntegers[] = {DType::i64, DType::i32, DType::i16, DType::i8, DType::u8};
constexpr int64_t kBig = (int64_t{1} << 53) + 1;  // no double

Tensor of(DType dtype) { return ones({2}, {.dtype = dtype}); }
std::vector<int64_t> whole(const Tensor& t) { return t.to_vector<int64_t>(); }
using Whole = std::vector<int64_t>;
std::vector<bool> truths(const Tensor& t) { return t.to_vector<bool>(); }
using Truths = std::vector<bool>;

// Every function that puts a number into a tensor of `dtype`.
std::vector<std::pair<std::string, std::function<void(Scalar)>>> takers(DType dtype) {
  const auto mask = [] { return ones({2}, {.dtype = DType::boolean}); };
  return {
      {"full", [=](Scalar v) { full({2}, v, {.dtype = dtype}); }},
      {"full_like", [=](Scalar v) { full_like(of(dtype), v); }},
      {"scalar_tensor", [=](Scalar v) { scalar_tensor(v, {.dtype = dtype}); }},
      {"fill_", [=](Scalar v) { of(dtype).fill_(v); }},
      {"fill_",
       [=](Scalar v) {
         Tensor t = of(dtype);
         t[0] = v;
       }},
      {"masked_fill", [=](Scalar v) { masked_fill(of(dtype), mask(), v); }},
      {"masked_fill_", [=](Scalar v) { of(dtype).masked_fill_(mask(), v); }},
      {"tensor", [=](Scalar v) { tensor({1, v}, {.dtype = dtype}); }},
      {"tensor", [=](Scalar v) { tensor(std::vector<double>{1, v.to_double()}, {.dtype = dtype}); }},
      {"linspace", [=](Scalar v) { linspace(v, v, 3, {.dtype = dtype}); }},
      {"linspace", [=](Scalar v) { linspace(0, v, 3, {.dtype = dtype}); }},
      {"index_put_", [=](Scalar v) { of(dtype).index_put_({mask()}, scalar_tensor(v, {.dtype = DType::f64})); }},
      {"index_put_", [=](Scalar v) { of(dtype).index_put_({0}, scalar_tensor(v, {.dtype = DType::f64})); }},
  };
}

TEST(Numbers, AnIntegerDTypeTakesNumbersOfItsRange) {
  const double nan = NAN, infinity = INFINITY;
  for (DType dtype : kIntegers)
    for (const auto& [name, take] : takers(dtype)) {
      SCOPED_TRACE(str(name, " ", dtype));
      for (Scalar bad : {Scalar(nan), Scalar(infinity), Scalar(-infinity), Scalar(-1e30), Scalar(1e30), Scalar(0x1p63)})
        EXPECT_TRUE(error_of<ValueError>([&] { take(bad); }).starts_with(name + ": "))
            << error_of<ValueError>([&] { take(bad); });
      EXPECT_EQ(throws<ValueError>([&] { take(int64_t{1} << 31); }), dtype != DType::i64);
      take(127);
      take(7.0);
      take(-0.5);  // its whole part is 0
      EXPECT_EQ(throws<ValueError>([&] { take(-1.0); }), dtype == DType::u8);
      if (dtype == DType::u8) {
        EXPECT_TRUE(throws<ValueError>([&] { take(-1); }));
      } else {
        take(-128);
      }
    }
  EXPECT_EQ(error_of<ValueError>([] { full({1}, 300, {.dtype = DType::u8}); }),
            "full: value must be a number that u8 holds, 0 to 255, got 300");
  Tensor i = full({1}, 1), m = i > 0;
  EXPECT_EQ(error_of<ValueError>([&] { masked_fill(i, m, NAN); }),
            "masked_fill: value must be a number that i64 holds, -9223372036854775808 to 9223372036854775807, got "
            "nan (a: i64 [1] cpu)");
  EXPECT_TRUE(throws<ValueError>([&] { i.clone().fill_(NAN); }));
  EXPECT_EQ(whole(i), Whole{1});  // nothing was changed
  EXPECT_EQ(whole(full({1}, 255.9, {.dtype = DType::u8})), Whole{255});
}

TEST(Numbers, AFloatingDTypeTakesWhatDoesNotBecomeInfinite) {
  const std::pair<DType, std::pair<double, double>> cases[] = {
      {DType::f16, {65519, 65520}},
      {DType::bf16, {3.38e38, 3.4e38}},
      {DType::f32, {3.4028235e38, 3.5e38}},
  };
  for (const auto& [dtype, bounds] : cases)
    for (const auto& [name, take] : takers(dtype)) {
      SCOPED_TRACE(str(name, " ", dtype));
      for (double good : {bounds.first, -bounds.first, double(INFINITY), -double(INFINITY), double(NAN), 1e-300})
        take(good);
      EXPECT_TRUE(throws<ValueError>([&] { take(bounds.second); }));
      EXPECT_TRUE(throws<ValueError>([&] { take(-bounds.second); }));
    }
  EXPECT_TRUE(throws<ValueError>([] { full({1}, 1e300); }));
  EXPECT_TRUE(std::isinf(full({1}, INFINITY, {.dtype = DType::f16}).item()));
}

TEST(Numbers, BoolTakesEveryNumberByItsTruth) {
  for (const auto& [name, take] : takers(DType::boolean))
    for (Scalar value : {Scalar(0), Scalar(2), Scalar(-0.5), Scalar(double(NAN)), Scalar(1e300)}) take(value);
  EXPECT_EQ(truths(tensor({0, 2, 0.5, NAN}, {.dtype = DType::boolean})), (Truths{false, true, true, true}));
  EXPECT_EQ(truths(full({1}, 0.5, {.dtype = DType::boolean})), Truths{true});
}

TEST(Numbers, AnUnsignedNumberBeyond63BitsIsNoScalar) {
  EXPECT_EQ(error_of<ValueError>([] { full({1}, uint64_t{1} << 63); }),
            "Scalar: value must be below 2^63, got 9223372036854775808");
  EXPECT_EQ(full({1}, uint64_t{INT64_MAX}).item<int64_t>(), INT64_MAX);
}

TEST(Numbers, AnOperandMustBeOneOfTheResultsDType) {
  const Tensor u = of(DType::u8), h = of(DType::f16), f = of(DType::f32), i = of(DType::i32);
  EXPECT_EQ(error_of<ValueError>([&] { u + 300; }),
            "add: b must be a number that u8 holds, 0 to 255, got 300 (a: u8 [2] cpu)");
  EXPECT_EQ(error_of<ValueError>([&] { -1 * u; }),
            "mul: a must be a number that u8 holds, 0 to 255, got -1 (b: u8 [2] cpu)");
  EXPECT_TRUE(throws<ValueError>([&] { i - (int64_t{1} << 40); }));
  EXPECT_TRUE(throws<ValueError>([&] { u.clone().sub_(256); }));
  EXPECT_TRUE(throws<ValueError>([&] { f * 1e300; }));
  EXPECT_TRUE(throws<ValueError>([&] { pow(300, u); }));
  EXPECT_TRUE(throws<ValueError>([&] { where(u > 0, u, 300); }));
  EXPECT_TRUE(throws<ValueError>([&] { where(u > 0, -1, u); }));
  EXPECT_TRUE(throws<ValueError>([&] { where(u > 0, h, 1e6); }));
  EXPECT_TRUE(throws<ValueError>([&] { where(u > 0, 1e300, 0.0); }));
  EXPECT_TRUE(throws<ValueError>([&] { add(u, u, 300); }));
  EXPECT_TRUE(throws<ValueError>([&] { add(f, f, 1e300); }));
  // Half types compute in f32, and quotients are floating.
  EXPECT_EQ((full({1}, 0.0009765625, {.dtype = DType::f16}) * 1e6).item(), 976.5);
  EXPECT_EQ((u / 256).to_vector<double>(), (std::vector<double>{1.0 / 256, 1.0 / 256}));
  // A number of a higher kind makes the result one.
  EXPECT_EQ((of(DType::boolean) + 300).to_vector<int64_t>(), (Whole{301, 301}));
  EXPECT_EQ((u + 0.5).dtype(), DType::f32);
}

TEST(Numbers, ClampTakesBoundsThatBoundNothing) {
  const Tensor u = tensor(std::vector<uint8_t>{0, 7, 255});
  EXPECT_EQ(whole(clamp(u, -5, 300)), (Whole{0, 7, 255}));
  EXPECT_EQ(whole(clamp(u, {}, INT64_MAX)), (Whole{0, 7, 255}));
  EXPECT_EQ(whole(clamp(u, 300, 200)), (Whole{200, 200, 200}));
  for (auto [low, high] :
       {std::pair<std::optional<Scalar>, std::optional<Scalar>>{300, {}}, {300, 400}, {{}, -1}, {-9, -5}})
    EXPECT_TRUE(throws<ValueError>([&] { clamp(u, low, high); }));
  EXPECT_TRUE(throws<ValueError>([&] { of(DType::f16).clamp_(1e6, {}); }));
  EXPECT_EQ(clamp(tensor({1, 2}), {}, 1e300).to_vector<double>(), (std::vector<double>{1, 2}));
  const Tensor big = full({1}, kBig + 2);
  EXPECT_EQ(clamp(big, {}, kBig).item<int64_t>(), kBig);
}

TEST(Numbers, ComparisonsAreThoseOfMathematics) {
  const Tensor u = tensor(std::vector<uint8_t>{0, 44, 255});
  const Truths all{true, true, true}, none{false, false, false};
  for (Scalar above : {Scalar(300), Scalar(256.5), Scalar(1e300), Scalar(double(INFINITY))}) {
    EXPECT_EQ(truths(u == above), none);
    EXPECT_EQ(truths(u != above), all);
    EXPECT_EQ(truths(u < above), all);
    EXPECT_EQ(truths(u <= above), all);
    EXPECT_EQ(truths(u > above), none);
    EXPECT_EQ(truths(u >= above), none);
  }
  for (Scalar below : {Scalar(-1), Scalar(-0.5), Scalar(-1e300), Scalar(-double(INFINITY))}) {
    EXPECT_EQ(truths(u == below), none);
    EXPECT_EQ(truths(u < below), none);
    EXPECT_EQ(truths(u >= below), all);
  }
  EXPECT_EQ(truths(u == double(NAN)), none);
  EXPECT_EQ(truths(u != double(NAN)), all);
  EXPECT_EQ(truths(u <= double(NAN)), none);
  EXPECT_EQ(truths(u >= double(NAN)), none);
  EXPECT_EQ(truths(u < 43.5), (Truths{true, false, false}));
  EXPECT_EQ(truths(u <= 44.5), (Truths{true, true, false}));
  EXPECT_EQ(truths(u > 44.0), (Truths{false, false, true}));
  EXPECT_EQ(truths(u >= 43.5), (Truths{false, true, true}));
  EXPECT_EQ(truths(u == 44.0), (Truths{false, true, false}));
  // Integers that f32 rounds, beside a floating number.
  EXPECT_EQ(truths(full({1}, 16777217) == 16777216.0), Truths{false});
  EXPECT_EQ(truths(full({1}, 16777217) > 16777216.0), Truths{true});
  EXPECT_EQ(truths(full({1}, INT64_MAX) < 0x1p63), Truths{true});
  EXPECT_EQ(truths(full({1}, INT64_MIN) >= -0x1p63), Truths{true});

  const double inf = INFINITY;
  const Tensor f = tensor({-inf, 1, 3e38, inf, NAN});
  EXPECT_EQ(truths(f == 1e300), (Truths{false, false, false, false, false}));
  EXPECT_EQ(truths(f != 1e300), (Truths{true, true, true, true, true}));
  EXPECT_EQ(truths(f < 1e300), (Truths{true, true, true, false, false}));
  EXPECT_EQ(truths(f <= 1e300), (Truths{true, true, true, false, false}));
  EXPECT_EQ(truths(f > 1e300), (Truths{false, false, false, true, false}));
  EXPECT_EQ(truths(f >= -1e300), (Truths{false, true, true, true, false}));
  EXPECT_EQ(truths(f < -1e300), (Truths{true, false, false, false, false}));
}

TEST(Numbers, ItemGivesWhatTheTypeHolds) {
  EXPECT_EQ(error_of<ValueError>([] { full({}, 300).item<uint8_t>(); }),
            "item: the element must be a number that u8 holds, 0 to 255, got 300");
  EXPECT_EQ(full({}, -2.5).item<int64_t>(), -2);
  EXPECT_TRUE(throws<ValueError>([] { full({}, NAN).item<int32_t>(); }));
  EXPECT_TRUE(throws<ValueError>([] { full({}, -1).item<uint8_t>(); }));
  EXPECT_TRUE(throws<ValueError>([] { full({}, 1e300, {.dtype = DType::f64}).item<float>(); }));
  EXPECT_TRUE(throws<DeviceError>([] { full({}, 1, {.device = Device::meta()}).item<float>(); }));
  EXPECT_EQ(full({}, 2.0).item<int64_t>(), 2);
  EXPECT_EQ(full({}, kBig).item<int64_t>(), kBig);
  EXPECT_EQ(full({}, 0.5).item<bool>(), true);
  EXPECT_TRUE(std::isnan(full({}, NAN).item<float>()));
}

TEST(Numbers, RandomBoundsAreHeldToo) {
  EXPECT_TRUE(throws<ValueError>([] { randint(0, 257, {2}, {.dtype = DType::u8}); }));
  EXPECT_TRUE(throws<ValueError>([] { randint(-1, 3, {2}, {.dtype = DType::u8}); }));
  EXPECT_TRUE(throws<ValueError>([] { randperm(300, {.dtype = DType::u8}); }));
  EXPECT_TRUE(throws<ValueError>([] { of(DType::f16).uniform_(0, 1e6); }));
  EXPECT_TRUE(throws<ValueError>([] { of(DType::f32).uniform_(0, NAN); }));
  EXPECT_TRUE(throws<ValueError>([] { of(DType::f64).uniform_(-1e308, 1e308); }));
  EXPECT_TRUE(throws<ValueError>([] { of(DType::f16).normal_(1e6); }));
  EXPECT_TRUE(throws<ValueError>([] { of(DType::f32).normal_(0, 1e300); }));
  EXPECT_EQ(whole(randint(kBig, kBig + 1, {1})), Whole{kBig});
}

TEST(Integers, ArangeCountsAndStepsExactly) {
  EXPECT_EQ(whole(arange(int64_t{1} << 53, (int64_t{1} << 53) + 3)), (Whole{kBig - 1, kBig, kBig + 1}));
  EXPECT_EQ(whole(arange(INT64_MIN, INT64_MAX, INT64_MAX)), (Whole{INT64_MIN, -1, INT64_MAX - 1}));
  EXPECT_EQ(whole(arange(INT64_MAX, INT64_MIN, INT64_MIN)), (Whole{INT64_MAX, -1}));
  EXPECT_EQ(whole(arange(5, 5)), Whole{});
  EXPECT_EQ(arange(INT64_MAX, INT64_MAX, 1).numel(), 0);
  EXPECT_TRUE(throws<ValueError>([] { arange(0, 5, 0); }));
  EXPECT_TRUE(throws<ValueError>([] { arange(5, 5, 0); }));
  EXPECT_TRUE(throws<ValueError>([] { arange(0, 5, -1); }));
  EXPECT_TRUE(throws<ShapeError>([] { arange(INT64_MIN, INT64_MAX); }));
  EXPECT_TRUE(throws<ShapeError>([] { arange(0.0, 1e300); }));
  EXPECT_EQ(error_of<ValueError>([] { arange(0, 300, 1, {.dtype = DType::u8}); }),
            "arange: the last value must be a number that u8 holds, 0 to 255, got 299");
  EXPECT_EQ(arange(0, 256, 1, {.dtype = DType::u8}).numel(), 256);
  EXPECT_TRUE(throws<ValueError>([] { arange(-1, 3, 1, {.dtype = DType::u8}); }));
  EXPECT_EQ(whole(arange(0, 2, 0.5, {.dtype = DType::i64})), (Whole{0, 0, 1, 1}));
  EXPECT_TRUE(throws<ValueError>([] { arange(0, 70000, 1000, {.dtype = DType::f16}); }));
}

TEST(Integers, LinspaceIsExact) {
  EXPECT_EQ(whole(linspace(kBig, kBig + 4, 5, {.dtype = DType::i64})),
            (Whole{kBig, kBig + 1, kBig + 2, kBig + 3, kBig + 4}));
  EXPECT_EQ(whole(linspace(INT64_MIN, INT64_MAX, 2, {.dtype = DType::i64})), (Whole{INT64_MIN, INT64_MAX}));
  EXPECT_EQ(whole(linspace(0, 10, 4, {.dtype = DType::i64})), (Whole{0, 3, 6, 10}));
}

TEST(Integers, ArithmeticAndComparisonsKeepEveryBit) {
  const Tensor t = full({1}, kBig);
  EXPECT_EQ(whole(t + kBig), Whole{2 * kBig});
  EXPECT_EQ(whole(t - (kBig - 1)), Whole{1});
  EXPECT_EQ(whole(kBig * full({1}, 3)), Whole{3 * kBig});
  EXPECT_EQ(whole(add(full({1}, 1), full({1}, 1), kBig)), Whole{kBig + 1});
  EXPECT_EQ(whole(full({1}, 1).add_(full({1}, 1), kBig)), Whole{kBig + 1});
  EXPECT_EQ(whole(pow(full({1}, 3), 39)), Whole{4052555153018976267});
  EXPECT_EQ(whole(masked_fill(full({1}, 1), t > 0, kBig)), Whole{kBig});
  EXPECT_EQ(whole(where(t > 0, t, kBig - 1)), Whole{kBig});
  EXPECT_EQ(truths(t == kBig - 1), Truths{false});
  EXPECT_EQ(truths(t > kBig - 1), Truths{true});
  EXPECT_EQ(truths(t > double(kBig - 1)), Truths{true});
  EXPECT_EQ(whole(tensor({kBig}, {.dtype = DType::i64})), Whole{kBig});
  EXPECT_EQ(whole(sum(tensor(Whole{kBig, 1, -1}))), Whole{kBig});
  // Once rounded, not by way of double: halfway to a double, and a bit more.
  const int64_t tie = (int64_t{1} << 60) + (int64_t{1} << 36) + 1;
  EXPECT_EQ(full({1}, tie, {.dtype = DType::f32}).item<float>(), static_cast<float>(tie));
  EXPECT_EQ((zeros({1}) + tie).item<float>(), static_cast<float>(tie));
}

TEST(Integers, StateDictsAndPrintingKeepEveryBit) {
  StateDict state;
  state.set_number("step", kBig);
  EXPECT_EQ(state.integer("step"), kBig);
  std::ostringstream out;
  out << full({1}, kBig);
  EXPECT_EQ(out.str(), "tensor([9007199254740993])");
  EXPECT_EQ(str(Scalar(kBig)), "9007199254740993");
}

template <class T>
void check_element_type(DType dtype) {
  const std::vector<T> values{T(1), T(0)};
  const Tensor t = tensor(values), shaped = tensor(values, {2, 1});
  EXPECT_EQ(t.dtype(), dtype);
  EXPECT_EQ(shaped.sizes(), (Shape{2, 1}));
  EXPECT_EQ(static_cast<double>(t.data<T>()[0]), 1);
  EXPECT_EQ(static_cast<double>(t[0].item<T>()), 1);
  EXPECT_EQ(static_cast<double>(t.to_vector<T>()[1]), 0);
}

TEST(ElementTypes, TheTemplatesOfTheHeadersExistForEach) {
  check_element_type<double>(DType::f64);
  check_element_type<float>(DType::f32);
  check_element_type<half>(DType::f16);
  check_element_type<bfloat16>(DType::bf16);
  check_element_type<int64_t>(DType::i64);
  check_element_type<long long>(DType::i64);
  check_element_type<int32_t>(DType::i32);
  check_element_type<int16_t>(DType::i16);
  check_element_type<int8_t>(DType::i8);
  check_element_type<uint8_t>(DType::u8);
  check_element_type<bool>(DType::boolean);
}

// And for no other type: that would be an error of the linker.
template <class T>
concept HasTensor = requires(std::vector<T> values) { tensor(values); };
template <class T>
concept HasItem = requires(Tensor t) { t.item<T>(); };
static_assert(HasTensor<int16_t> && HasItem<int16_t>);
static_assert(!HasTensor<uint16_t> && !HasTensor<char> && !HasItem<uint32_t> && !HasItem<long double>);

}  // namespace
}  // namespace farro
