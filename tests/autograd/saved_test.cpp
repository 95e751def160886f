// SPDX-License-Identifier: Apache-2.0
// What a graph keeps of its inputs: nothing that leads back to itself, and what an in-place op overwrites as a copy.
#include <farro/autograd/check/gradcheck.h>
#include <farro/autograd/engine/recompute.h>
#include <farro/autograd/function/function.h>
#include <farro/core/storage/cpu_allocator.h>
#include <farro/kernels/index/indexing.h>
#include <farro/kernels/matmul/matmul.h>
#include <farro/kernels/pointwise/unary.h>
#include <farro/kernels/random/random.h>

#include <farro/tests/autograd/support.h>

namespace farro {
namespace {

using namespace testing_support;

constexpr TensorOptions kF64{.dtype = DType::f64};
Tensor leaf64(std::initializer_list<double> list) { return tensor(list, kF64).set_requires_grad(); }

// Bytes of large blocks that rounds of `fn` leave behind; tensors here have 1,000 floats.
template <class Fn>
size_t leaked(Fn&& fn) {
  fn();
  const size_t before = cpu_memory_stats().in_use;
  for (int i = 0; i < 10; ++i) fn();
  return cpu_memory_stats().in_use - before;
}

struct Square {
  Tensor forward(FunctionContext& context, const Tensor& x) {
    context.save({x});
    return x * x;
  }
  std::vector<Tensor> backward(FunctionContext& context, const std::vector<Tensor>& grads) {
    return {grads[0] * context.saved()[0] * 2};
  }
};

TEST(Saved, AChangeByAFunctionOfItselfLeaksNothing) {
  const Tensor leaf = randn({1000}).set_requires_grad(), weight = randn({1000, 1000}).set_requires_grad();
  const auto after = [&](auto change) {
    return leaked([&] {
      Tensor x = leaf * 1.0;
      change(x);
    });
  };
  EXPECT_EQ(after([](Tensor& x) { x.add_(sin(x)); }), 0u);
  EXPECT_EQ(after([&](Tensor& x) { x.add_(linear(x, weight)); }), 0u);
  EXPECT_EQ(after([](Tensor& x) { x.mul_(sin(x)); }), 0u);
  EXPECT_EQ(after([](Tensor& x) { x *= x; }), 0u);
  EXPECT_EQ(after([](Tensor& x) { x.div_(x.exp()); }), 0u);
  EXPECT_EQ(after([](Tensor& x) { x.copy_(x * x + sin(x)); }), 0u);
  EXPECT_EQ(after([](Tensor& x) { x.index_put_({Slice(0, 500)}, sin(x).narrow(0, 0, 500)); }), 0u);
  EXPECT_EQ(after([](Tensor& x) { x.add_(sin(x.view({10, 100})).view({1000})); }), 0u);
  EXPECT_EQ(after([](Tensor& x) { x.narrow(0, 0, 500).add_(sin(x.narrow(0, 250, 500))); }), 0u);
  EXPECT_EQ(after([](Tensor& x) { x.add_(recompute([](const Tensor& t) { return sin(t) * t; }, x)); }), 0u);
  EXPECT_EQ(after([](Tensor& x) { x.add_(apply_function<Square>(x)); }), 0u);
  EXPECT_EQ(after([](Tensor& x) {
              x.retain_grad();
              x.add_(sin(x));
            }),
            0u);
  EXPECT_EQ(after([](Tensor& x) {
              const Tensor y = sin(x);
              x.add_(y);
              EXPECT_THROW(x.sum().backward(), AutogradError);
            }),
            0u);
}

TEST(Saved, AConstantThatLaterGetsAHistoryLeaksNothing) {
  const Tensor leaf = randn({1000}).set_requires_grad();
  EXPECT_EQ(leaked([&] {
              Tensor buffer = zeros({1000});
              buffer.copy_(leaf * buffer);
            }),
            0u);
  EXPECT_EQ(leaked([&] {
              Tensor h = zeros({4, 1000});
              h.select(0, 0).copy_(leaf);
              for (int64_t t = 1; t < 4; ++t) h.select(0, t).copy_(sin(h.select(0, t - 1)));
            }),
            0u);
  EXPECT_EQ(leaked([&] {  // what was a leaf once
              Tensor w = randn({1000}).set_requires_grad();
              const Tensor y = w * leaf;
              w.set_requires_grad(false);
              w.add_(y);
            }),
            0u);
}

TEST(Saved, ALeafWhoseGradientHasAGraphLeaksNothing) {
  EXPECT_EQ(leaked([] {
              Tensor l = randn({32, 32}).set_requires_grad();
              (l * l * l).sum().backward({}, {.create_graph = true});
              EXPECT_TRUE(l.grad().requires_grad());
            }),
            0u);
  EXPECT_EQ(leaked([] {
              Tensor l = randn({32, 32}).set_requires_grad();
              Tensor y = sin(l);
              y.retain_grad();
              (y * y * l).sum().backward({}, {.create_graph = true});
              (l.grad() * y.grad()).sum().backward({}, {.create_graph = true});
            }),
            0u);
}

TEST(Saved, ASavedLeafIsStillTheLeafToGradients) {
  Tensor x = leaf64({2, 3});
  int calls = 0;
  x.register_hook([&](const Tensor&) {
    ++calls;
    return Tensor();
  });
  const Tensor first = grad((x * x * x).sum(), x, {.create_graph = true});
  EXPECT_EQ(values(grad(first.sum(), x, {.retain_graph = true})), (V{12, 18}));
  first.sum().backward();
  EXPECT_EQ(values(x.grad()), (V{12, 18}));
  EXPECT_GE(calls, 1);
  x.set_requires_grad(false);
  EXPECT_FALSE((x * x).requires_grad());
  x.set_requires_grad();
  EXPECT_EQ(values(grad((x * x).sum(), x)), (V{4, 6}));
}

TEST(Saved, AViewIsSavedWithItsPresentHistory) {
  Tensor x = leaf64({1, 2, 3, 4});
  const auto function = [](const std::vector<Tensor>& in) {
    Tensor y = in[0] * 2;
    const Tensor v = y.narrow(0, 1, 2);
    y.mul_(y);
    return std::vector{v * v, sin(v)};
  };
  gradcheck(function, {x});
  gradgradcheck(function, {x});
}

TEST(InPlace, WhatAGradientNeedsIsKept) {
  Tensor start = leaf64({0.5, 1.5, 2.5}), other = leaf64({1.25, -0.75, 2});
  const auto check = [&](auto change) {
    const auto function = [&](const std::vector<Tensor>& in) {
      Tensor x = in[0].clone();
      change(x, in[1]);
      return std::vector{x};
    };
    gradcheck(function, {start, other});
    gradgradcheck(function, {start, other});
  };
  check([](Tensor& x, const Tensor& b) { x.mul_(b); });
  check([](Tensor& x, const Tensor& b) { x *= b; });
  check([](Tensor& x, const Tensor& b) { x.div_(b); });
  check([](Tensor& x, const Tensor& b) { x /= b; });
  check([](Tensor& x, const Tensor&) { x.mul_(x); });
  check([](Tensor& x, const Tensor& b) { x.mul_(x).mul_(b).mul_(x); });
  check([](Tensor& x, const Tensor& b) { x.div_(x.clone() * x.clone()).mul_(b); });
  check([](Tensor& x, const Tensor& b) { x.mul_(b).clamp_(-1, 2); });
  check([](Tensor& x, const Tensor& b) { x.mul_(b[0]).div_(b[2]); });
  check([](Tensor& x, const Tensor& b) { x.mul_(x[1]).add_(b); });
  check([](Tensor& x, const Tensor& b) { x.index_put_({Slice(0, 2)}, b.narrow(0, 0, 2) * 3); });
  check([](Tensor& x, const Tensor& b) { x.copy_(x.clone() * b).mul_(b); });
  check([](Tensor& x, const Tensor& b) { x.narrow(0, 0, 2).mul_(b.narrow(0, 1, 2)); });
  check([](Tensor& x, const Tensor& b) { x.narrow(0, 0, 2).div_(b.narrow(0, 0, 2)).mul_(x.narrow(0, 1, 2)); });
  check([](Tensor& x, const Tensor& b) { x.narrow(0, 0, 1).mul_(x.narrow(0, 1, 1)).add_(b[0]); });
  check([](Tensor& x, const Tensor& b) {  // a running product
    for (int64_t i = 1; i < 3; ++i) x.narrow(0, i, 1).mul_(x.narrow(0, i - 1, 1)).add_(b[i]);
  });
  check([](Tensor& x, const Tensor& b) {
    Tensor row = zeros({2, 3}, kF64);
    row[0].copy_(x);
    row[0].mul_(b);
    row.t()[1].div_(b.narrow(0, 0, 2));
    x.mul_(row[0]).add_(row[1]);
  });
}

TEST(InPlace, NothingIsCopiedThatNoGradientNeeds) {
  const Tensor a = randn({100'000}).set_requires_grad(), c = randn({100'000});
  const Tensor b = randn({100'000}).set_requires_grad();
  const auto bytes_of = [&](auto change) {
    Tensor x = a.clone();
    const size_t before = cpu_memory_stats().in_use;
    change(x);
    return cpu_memory_stats().in_use - before;
  };
  EXPECT_EQ(bytes_of([&](Tensor& x) { x.mul_(c); }), 0u);
  EXPECT_EQ(bytes_of([&](Tensor& x) { x.div_(c); }), 0u);
  EXPECT_EQ(bytes_of([&](Tensor& x) { x.add_(b); }), 0u);
  EXPECT_EQ(bytes_of([&](Tensor& x) { x.mul_(3); }), 0u);
  EXPECT_EQ(bytes_of([&](Tensor& x) { x.narrow(0, 0, 1).mul_(x.narrow(0, 1, 99'999)[5]); }), 0u);
  const no_grad guard;
  EXPECT_EQ(bytes_of([&](Tensor& x) { x.mul_(b); }), 0u);
}

TEST(InPlace, AChangeOfWhatAnotherOpSavedStaysAnError) {
  Tensor a = leaf({1, 2}), b = leaf({3, 4});
  Tensor x = a.clone();
  x.mul_(b);
  const Tensor y = x * x;
  x.mul_(b);
  EXPECT_THROW(y.sum().backward(), AutogradError);
  Tensor z = a.clone(), w = b.clone();
  z.mul_(w);
  w.add_(1);  // the other factor
  EXPECT_THROW(z.sum().backward(), AutogradError);
}

}  // namespace
}  // namespace farro
