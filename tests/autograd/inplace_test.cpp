// SPDX-License-Identifier: Apache-2.0
// In-place changes under autograd: of plain tensors, of views, of bases; and never a silently wrong gradient.
#include <farro/autograd/call/inplace.h>
#include <farro/autograd/call/mutate.h>
#include <farro/autograd/check/gradcheck.h>
#include <farro/kernels/random/random.h>

#include <farro/tests/autograd/support.h>

namespace farro {
namespace {

using namespace testing_support;

Tensor leaf64(std::initializer_list<double> list) { return tensor(list, {.dtype = DType::f64}).set_requires_grad(); }

TEST(InPlace, TheTensorBecomesTheOpsOutput) {
  Tensor x = leaf({1, 2});
  Tensor y = x * 2;
  y.add_(x).mul_(tensor({10, 10}));
  y.backward(tensor({1, 1}));
  EXPECT_EQ(values(x.grad()), (V{30, 30}));
}

TEST(InPlace, LeavesAndTheirViewsAreRefused) {
  Tensor x = leaf({1, 2});
  EXPECT_EQ(
      error_of<AutogradError>([&] { x.narrow(0, 0, 1).add_(1); }),
      "add_: a view of a leaf that requires a gradient must not be changed in place, got f32 [1] cpu; wrap the change "
      "in no_grad");
  EXPECT_EQ(values(x), (V{1, 2}));
  const no_grad guard;
  x.narrow(0, 0, 1).add_(1);
  x.add_(1);
  EXPECT_EQ(values(x), (V{3, 3}));
}

TEST(InPlace, ASavedInputThatChangedIsAnError) {
  Tensor x = leaf({1, 2}), w = leaf({3, 4});
  Tensor h = x * 2;
  const Tensor y = h * w;
  h.add_(1);
  EXPECT_EQ(
      error_of<AutogradError>([&] { y.backward(tensor({1, 1})); }),
      "mul: a tensor saved for backward must not change, got f32 [2] cpu at version 1 where version 0 was saved; an "
      "in-place operation changed it: use the out-of-place form, or clone() it before");
}

TEST(InPlace, AChangeThroughAnyViewIsNoticed) {
  Tensor x = leaf({1, 2, 3, 4}), w = leaf({1, 1, 1, 1});
  const auto run = [&](auto change) {
    Tensor h = x * 2;
    const Tensor y = h * w;
    change(h);
    y.backward(tensor({1, 1, 1, 1}));
  };
  EXPECT_NO_THROW(run([](Tensor&) {}));
  EXPECT_THROW(run([](Tensor& h) { h.narrow(0, 1, 1).zero_(); }), AutogradError);
  EXPECT_THROW(run([](Tensor& h) { h.detach().add_(1); }), AutogradError);
  EXPECT_THROW(run([](Tensor& h) { h.view({2, 2}).t()[0].mul_(2); }), AutogradError);
  EXPECT_THROW(run([](Tensor& h) { h.as_strided({1}, {1}, 3).fill_(5); }), AutogradError);
}

TEST(InPlace, AnOpThatOverwritesWhatItSavesKeepsACopy) {
  Tensor x = leaf({1, 2}), w = leaf({3, 4});
  Tensor h = x * 2;
  h.mul_(w);  // needs the old h for w's gradient
  h.backward(tensor({1, 1}));
  EXPECT_EQ(values(x.grad()), (V{6, 8}));
  EXPECT_EQ(values(w.grad()), (V{2, 4}));
}

TEST(InPlace, WritingPartsOfABuffer) {
  // A buffer without history filled row by row, as recurrent networks do.
  Tensor x = leaf64({1, 2});
  const auto fill = [](const std::vector<Tensor>& in) {
    Tensor buffer = zeros({3, 2}, {.dtype = DType::f64});
    for (int64_t i = 0; i < 3; ++i) buffer[i].copy_(in[0] * in[0] * static_cast<double>(i + 1));
    buffer[1].mul_(tensor({2, 3}, {.dtype = DType::f64}));
    return std::vector{buffer * buffer};
  };
  gradcheck(fill, {x});
  gradgradcheck(fill, {x});
}

TEST(InPlace, OnViewsOfViews) {
  Tensor x = leaf64({1, 2, 3, 4, 5, 6}), w = leaf64({2, 3});
  const auto function = [](const std::vector<Tensor>& in) {
    Tensor y = in[0] * 1;
    Tensor v = y.view({2, 3}).t().narrow(0, 1, 2);  // [2, 2], strided
    v.copy_(v * tensor({2, 3}, {.dtype = DType::f64}) + in[1]);
    y.view({3, 2})[0].add_(in[1]);
    return std::vector{y, v * v};
  };
  gradcheck(function, {x, w});
  gradgradcheck(function, {x, w});
}

TEST(InPlace, AViewTakenBeforeItsBaseChanged) {
  Tensor x = leaf64({1, 2, 3, 4});
  const auto function = [](const std::vector<Tensor>& in) {
    Tensor y = in[0] * 2;
    const Tensor v = y.view({2, 2}).select(1, 0), e = y.narrow(0, 1, 1).expand({3});
    y.mul_(tensor({3, 4, 5, 6}, {.dtype = DType::f64}));
    y.narrow(0, 0, 2).add_(in[0].narrow(0, 2, 2));
    return std::vector{v * v, e * e, y};
  };
  gradcheck(function, {x});
  gradgradcheck(function, {x});
}

TEST(InPlace, FillErasesHistory) {
  Tensor x = leaf({1, 2, 3});
  Tensor y = x * 2;
  y.narrow(0, 0, 2).zero_();
  y.backward(tensor({1, 1, 1}));
  EXPECT_EQ(values(x.grad()), (V{0, 0, 2}));
}

TEST(InPlace, AViewMadeUnderNoGradIsRefused) {
  Tensor x = leaf({1, 2}), buffer = zeros({2, 2}), row;
  {
    const no_grad guard;
    row = buffer[0];
  }
  EXPECT_EQ(error_of<AutogradError>([&] { row.copy_(x); }),
            "copy_: a view made under no_grad must not be changed in place while recording, got f32 [2] cpu; make the "
            "view outside no_grad");
  EXPECT_THROW(row.narrow(0, 0, 1).copy_(x.narrow(0, 0, 1)), AutogradError);
  row.copy_(x.detach());  // nothing to record
  EXPECT_EQ(values(buffer), (V{1, 2, 0, 0}));
}

TEST(InPlace, AFailedCallChangesNothing) {
  Tensor x = leaf({1, 2});
  Tensor y = x * 2;
  const auto history = y.grad_fn();
  EXPECT_THROW(y.add_(tensor({1, 2, 3})), ShapeError);
  EXPECT_EQ(values(y), (V{2, 4}));
  EXPECT_EQ(y.version(), 0u);
  EXPECT_TRUE(y.grad_fn() == history);
}

TEST(InPlace, OverlappingOperandsReadTheOldValues) {
  Tensor x = arange(6, {.dtype = DType::f32});
  x.narrow(0, 1, 5).add_(x.narrow(0, 0, 5));
  EXPECT_EQ(values(x), (V{0, 1, 3, 5, 7, 9}));
}

// Ops whose kernels write an element and fail.
struct WriteAndFail {
  static constexpr OpInfo info{.name = "write_and_fail"};
  static constexpr const char* no_backward = "it fails";
  struct Args {
    const Tensor& target;
    static constexpr std::array names{"target"};
  };
  static TensorSpec infer(const Args& args) { return TensorSpec(args.target.sizes(), args.target); }
  static Cost cost(const Args&) { return {}; }
};
struct WriteListAndFail {
  static constexpr OpInfo info{.name = "write_list_and_fail"};
  static constexpr int kOutputs = 0;
  static constexpr const char* no_backward = "it fails";
  struct Args {
    TensorList targets;
    static constexpr std::array names{"targets"};
  };
  static void check(const Args&) {}
  static std::array<TensorList, 1> changed(const Args& args) { return {args.targets}; }
  static Cost cost(const Args&) { return {}; }
};
[[noreturn]] void write_and_fail(const Tensor& target) {
  *target.data<float>() = 7;
  throw std::runtime_error("failed halfway");
}

TEST(InPlace, AKernelThatFailsHalfwayHasChangedTheTensor) {
  register_kernel<WriteAndFail>(DeviceType::cpu, [](Ctx&, const auto& args, auto&) { write_and_fail(args.target); });
  register_kernel<WriteListAndFail>(DeviceType::cpu,
                                    [](Ctx&, const auto& args, auto&) { write_and_fail(args.targets[0]); });
  Tensor x = leaf({1, 2});
  Tensor y = x * 5;
  const Tensor z = y * y;
  EXPECT_THROW(call_inplace<WriteAndFail>({y}, y), std::runtime_error);
  EXPECT_EQ(y.version(), 1u);
  EXPECT_THROW(z.backward(tensor({1, 1})), AutogradError);
  EXPECT_THROW(call_mutating<WriteListAndFail>({{&y, 1}}), std::runtime_error);
  EXPECT_EQ(y.version(), 2u);
}

TEST(InPlace, WhatCannotBeSavedIsRefusedBeforeTheChange) {
  Tensor made;
  {
    const inference_mode guard;
    made = tensor({2, 3});
  }
  Tensor x = leaf({1, 1});
  Tensor y = x * 5;
  const Tensor z = y * y;
  EXPECT_THROW(y.mul_(made), AutogradError);
  EXPECT_EQ(values(y), (V{5, 5}));
  z.backward(tensor({1, 1}));
  EXPECT_EQ(values(x.grad()), (V{50, 50}));
}

TEST(InPlace, AChangedViewHasAHistoryAtOnce) {
  Tensor x = leaf({1, 2});
  Tensor y = x * 1, v = y[0], other = y[1], buffer = zeros({2}), row = buffer[0];
  v.mul_(3);
  EXPECT_TRUE(v.requires_grad());
  EXPECT_FALSE(v.is_leaf());
  EXPECT_TRUE(other.requires_grad());
  EXPECT_FALSE(row.requires_grad());
  buffer.add_(x);
  EXPECT_TRUE(row.requires_grad());
  EXPECT_FALSE(row.is_leaf());
  EXPECT_STREQ(row.grad_fn()->name(), "view_of_base");
  EXPECT_EQ(error_of<AutogradError>([&] { v.set_requires_grad(); }),
            "set_requires_grad: tensor must be a leaf, got the result of view_of_base (tensor: f32 [] cpu)");
  EXPECT_EQ(values(grad(v * v, v)), (V{6}));
  y.mul_(2);
  other.retain_grad();
  EXPECT_NO_THROW(v.register_hook([](const Tensor& g) { return g * 10; }));
  (v + other).backward();
  EXPECT_EQ(values(x.grad()), (V{60, 2}));
  EXPECT_EQ(values(other.grad()), (V{1}));
}

TEST(InPlace, AViewTakenBeforeItsBaseBecameALeafHasNoGradient) {
  Tensor b = zeros({4});
  const Tensor v = b.view({2, 2}), w = b.as_strided({2}, {2}, 0);
  b.set_requires_grad();
  const auto is_constant = [&] {
    EXPECT_FALSE(v.requires_grad());
    EXPECT_FALSE((v * 2).requires_grad());
    EXPECT_FALSE(v.as_strided({2}, {1}, 0).requires_grad());
    EXPECT_FALSE((w * 2).requires_grad());
  };
  is_constant();
  {
    const no_grad guard;
    b.add_(1);
  }
  is_constant();
  EXPECT_TRUE(b.view({2, 2}).requires_grad());
}

TEST(InPlace, ALeafThatIsAViewOwnsItsHistory) {
  const Tensor b = zeros({4});
  Tensor v = b.narrow(0, 0, 2);
  v.set_requires_grad();
  (v.as_strided({2}, {1}, 0) * 3).backward(tensor({1, 1}));
  EXPECT_EQ(values(v.grad()), (V{3, 3}));
  EXPECT_THROW(v.narrow(0, 0, 1).mul_(2), AutogradError);
}

TEST(InPlace, AnOpThatSavedAnotherPartOfItsTargetLeaksNothing) {
  Probe probe;
  for (int i = 0; i < 3; ++i) {
    Tensor x = leaf({1, 2});
    Tensor y = x * probe.make(3);
    y.div_(y[0]);
    Tensor z = x * probe.make(3);
    Tensor v = z[0];
    v.mul_(z[1]);
    v.backward();
    EXPECT_EQ(values(x.grad()), (V{18, 9}));
  }
  EXPECT_EQ(probe.alive(), 0);
}

TEST(InPlace, WhatIsOverwrittenGetsAZeroGradient) {
  Tensor x = leaf({1, 2}), s = leaf({3, 4});
  const auto gradient_after = [&](auto change) {
    x.set_grad({});
    Tensor y = x * 2;
    change(y);
    y.backward(tensor({1, 1}));
    return values(x.grad());
  };
  EXPECT_EQ(gradient_after([](Tensor& y) { y.zero_(); }), (V{0, 0}));
  EXPECT_EQ(gradient_after([](Tensor& y) { y.fill_(3); }), (V{0, 0}));
  EXPECT_EQ(gradient_after([](Tensor& y) { y.uniform_(); }), (V{0, 0}));
  EXPECT_EQ(gradient_after([](Tensor& y) { y.bernoulli_(); }), (V{0, 0}));
  EXPECT_EQ(gradient_after([&](Tensor& y) { y.copy_(s); }), (V{0, 0}));
  EXPECT_EQ(values(s.grad()), (V{1, 1}));
}

TEST(InPlace, IntegersHaveNoHistory) {
  Tensor x = leaf({1, 2}), t = zeros({2}, {.dtype = DType::i64});
  t.copy_(x);
  EXPECT_FALSE(t.requires_grad());
  EXPECT_EQ(values(t), (V{1, 2}));
}

TEST(InPlace, ErrorsUseTheNamesThatWereCalled) {
  const auto twice = [](const char* op, const char* shape) {
    return std::string(op) + ": tensor must not hold an element twice (an expanded or overlapping view), got f32 " +
           shape + " cpu; clone() it first";
  };
  Tensor e = zeros({1}).expand({3}), window = zeros({4}).as_strided({3, 2}, {1, 1}, 0);
  EXPECT_EQ(error_of<ValueError>([&] { e.zero_(); }), twice("zero_", "[3]"));
  EXPECT_EQ(error_of<ValueError>([&] { e.fill_(1); }), twice("fill_", "[3]"));
  EXPECT_EQ(error_of<ValueError>([&] { e.bernoulli_(); }), twice("bernoulli_", "[3]"));
  EXPECT_EQ(error_of<ValueError>([&] { e.copy_(zeros({3})); }), twice("copy_", "[3]"));
  EXPECT_EQ(error_of<ValueError>([&] { window.add_(1); }), twice("add_", "[3, 2]"));
  EXPECT_EQ(error_of<ValueError>([] { zeros({3}).copy_(Tensor()); }),
            "copy_: source must be a defined tensor, got an undefined one");
}

}  // namespace
}  // namespace farro
