// SPDX-License-Identifier: Apache-2.0
// Reductions: values, layouts, promotions, the same bits for any number of threads.
#include <farro/core/parallel/parallel.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/pointwise/arithmetic.h>
#include <farro/kernels/pointwise/choose.h>
#include <farro/kernels/pointwise/compare.h>
#include <farro/kernels/reduce/sum.h>

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace farro {
namespace {

using V = std::vector<double>;
V values(const Tensor& t) { return t.to_vector<double>(); }

Tensor noise(const Shape& sizes, DType dtype, unsigned seed) {
  std::mt19937 engine(seed);
  std::uniform_real_distribution<double> uniform(-10, 10);
  std::vector<double> data(static_cast<size_t>(checked_numel("noise", sizes)));
  for (double& value : data) value = uniform(engine);
  return tensor(data, sizes).to(dtype);
}

// Sum over `mask` in plain loops over the row-major elements.
V reference_sum(const Tensor& t, uint32_t mask) {
  const V data = values(t);
  Shape kept;
  for (int i = 0; i < t.dim(); ++i) kept.push_back(mask >> i & 1 ? 1 : t.size(i));
  const Strides strides = contiguous_strides(kept);
  V out(static_cast<size_t>(checked_numel("reference", kept)));
  for (size_t at = 0; at < data.size(); ++at) {
    int64_t rest = static_cast<int64_t>(at), to = 0;
    for (int i = t.dim() - 1; i >= 0; --i) {
      if (!(mask >> i & 1)) to += rest % t.size(i) * strides[i];
      rest /= t.size(i);
    }
    out[static_cast<size_t>(to)] += data[at];
  }
  return out;
}

void expect_close(const V& got, const V& expected, double tolerance) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], tolerance) << "at " << i;
}

TEST(Reduce, SumOverEveryMaskAndLayout) {
  for (const DType dtype : {DType::f32, DType::f64, DType::f16, DType::bf16, DType::i64, DType::i8}) {
    const Tensor base = noise({3, 7, 5, 40}, dtype, 1);
    for (const Tensor& t : {base, base.permute({3, 1, 0, 2}), base.slice(3, 1, 40, 3), base.permute({1, 3, 2, 0}),
                            base.select(1, 2).unsqueeze(1).expand({3, 4, 5, 40})}) {
      for (uint32_t mask = 1; mask < 16; ++mask) {
        Dims dims;
        for (int i = 0; i < 4; ++i)
          if (mask >> i & 1) dims.push_back(i);
        const Tensor got = t.sum(dims, true);
        const double scale = dtype == DType::f16 ? 4 : dtype == DType::bf16 ? 32 : 1e-3;
        expect_close(values(got), reference_sum(t, mask), is_floating(dtype) ? scale : 0);
        EXPECT_EQ(values(t.sum(dims)), values(got));
        EXPECT_EQ(got.dtype(), is_floating(dtype) ? dtype : DType::i64);
      }
    }
  }
}

TEST(Reduce, SameBitsForAnyNumberOfThreads) {
  const int before = num_threads();
  for (const Shape& sizes : {Shape{1'000'003}, Shape{3, 300'007}, Shape{200'001, 5}, Shape{64, 100, 300}}) {
    const Tensor t = noise(sizes, DType::f32, 2);
    set_num_threads(1);
    const V all = values(t.sum()), first = values(t.sum({0})), last = values(t.sum({-1}));
    for (int threads = 2; threads <= 5; ++threads) {
      set_num_threads(threads);
      EXPECT_EQ(values(t.sum()), all);
      EXPECT_EQ(values(t.sum({0})), first);
      EXPECT_EQ(values(t.sum({-1})), last);
    }
  }
  set_num_threads(before);
}

TEST(Reduce, SumOfFloatsIsAccurate) {
  const Tensor t = full({10'000'000}, 0.1f);
  EXPECT_FLOAT_EQ(t.sum().item<float>(), static_cast<float>(1e7 * double(0.1f)));
}

TEST(Reduce, EmptyAndZeroDim) {
  EXPECT_EQ(values(zeros({0}).sum()), (V{0}));
  EXPECT_EQ(values(zeros({0, 3}).sum({0})), (V{0, 0, 0}));
  EXPECT_TRUE(values(zeros({3, 0}).sum({0})).empty());
  EXPECT_TRUE(std::isnan(zeros({0}).mean().item()));
  EXPECT_EQ(scalar_tensor(5).sum().item(), 5);
  EXPECT_FALSE(zeros({0}).any().item<bool>());
  EXPECT_TRUE(zeros({0}).all().item<bool>());
}

TEST(Reduce, AnyAndAll) {
  Tensor t = zeros({100, 100});
  EXPECT_FALSE(t.any().item<bool>());
  t.select(0, 57).select(0, 93).fill_(0.25);
  EXPECT_TRUE(t.any().item<bool>());
  EXPECT_EQ(values(any(t, {0})).at(93), 1);
  EXPECT_EQ(values(any(t, {0}).sum()), (V{1}));
  t.fill_(0.5);
  EXPECT_TRUE(t.all().item<bool>());
  t.select(0, 57).select(0, 93).fill_(0);
  EXPECT_FALSE(t.all().item<bool>());
  EXPECT_EQ(values(all(t, {1}).sum()), (V{99}));
  EXPECT_TRUE(tensor({0, NAN}).any().item<bool>());
}

TEST(Reduce, Gradients) {
  Tensor x = tensor({1, 2, 3, 4, 5, 6}).reshape({2, 3}).detach().set_requires_grad();
  (x.sum({0}) * tensor({1, 10, 100})).sum().backward();
  EXPECT_EQ(values(x.grad()), (V{1, 10, 100, 1, 10, 100}));
  x.set_grad({});
  x.mean().backward();
  EXPECT_FLOAT_EQ(values(x.grad())[0], 1.f / 6);
}

TEST(Reduce, Errors) {
  const auto message = [](auto&& fn) -> std::string {
    try {
      fn();
    } catch (const UserError& error) {
      return std::string(error.kind()) + ": " + error.what();
    }
    return "no error";
  };
  const Tensor t = zeros({2, 3});
  EXPECT_EQ(message([&] { t.sum({0, -2}); }),
            "ValueError: sum: dims must name each dimension once, got [0, -2] (input: f32 [2, 3] cpu)");
  EXPECT_EQ(message([&] { t.to(DType::i32).mean(); }),
            "DTypeError: mean: input must be floating, got i32 (input: i32 [2, 3] cpu)");
  EXPECT_THROW(t.sum({2}), IndexError);
}

TEST(Compare, OperatorsAndNaN) {
  const Tensor a = tensor({1, 2, NAN}), b = tensor({2, 2, NAN});
  EXPECT_EQ(values(a == b), (V{0, 1, 0}));
  EXPECT_EQ(values(a != b), (V{1, 0, 1}));
  EXPECT_EQ(values(a < b), (V{1, 0, 0}));
  EXPECT_EQ(values(a >= 2), (V{0, 1, 0}));
  EXPECT_EQ(values(isnan(a)), (V{0, 0, 1}));
  EXPECT_EQ(values(isfinite(tensor({1, INFINITY, -INFINITY, NAN}))), (V{1, 0, 0, 0}));
  EXPECT_EQ((a == b).dtype(), DType::boolean);
  EXPECT_EQ(values(logical_and(tensor({0.5, 0}), tensor({0.25, 1}))), (V{1, 0}));
}

TEST(Select, WhereMaskedFillClamp) {
  const Tensor a = tensor({1, 2, 3}), c = tensor(std::vector<bool>{true, false, true});
  EXPECT_EQ(values(where(c, a, 7)), (V{1, 7, 3}));
  EXPECT_EQ(values(masked_fill(a, c, -1)), (V{-1, 2, -1}));
  EXPECT_EQ(values(clamp(a, 1.5, 2.5)), (V{1.5, 2, 2.5}));
  EXPECT_EQ(values(clamp(tensor(std::vector<int64_t>{1, 5}), std::nullopt, 3)), (V{1, 3}));
  Tensor t = a.clone();
  t.clamp_(2, std::nullopt).masked_fill_(c, 9);
  EXPECT_EQ(values(t), (V{9, 2, 9}));
  EXPECT_EQ(values(maximum(a, tensor({2, 2, 2}))), (V{2, 2, 3}));
  EXPECT_TRUE(std::isnan(values(maximum(tensor({1}), tensor({NAN})))[0]));
}

TEST(Arithmetic, NumbersKeepDoublePrecisionBesideF64) {
  const Tensor a = tensor({1}, {.dtype = DType::f64});
  EXPECT_EQ(values(a * 0.1)[0], 0.1);
  Tensor b = zeros({1}, {.dtype = DType::f64});
  b.fill_(0.1);
  EXPECT_EQ(values(b)[0], 0.1);
}

}  // namespace
}  // namespace farro
