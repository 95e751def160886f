// In-place changes under autograd: of plain tensors, of views, of bases; and never a silently wrong gradient.
#include <farro/autograd/check/gradcheck.h>

#include "autograd_support.h"

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
      error_of<AutogradError>([&] {
        y.backward(tensor({1, 1}));
      }),
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

TEST(InPlace, AnOpThatOverwritesItsOwnSavedInputIsAnError) {
  Tensor x = leaf({1, 2}), w = leaf({3, 4});
  Tensor h = x * 2;
  h.mul_(w);  // needs the old h for w's gradient
  EXPECT_THROW(h.backward(tensor({1, 1})), AutogradError);
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
  EXPECT_EQ(
      error_of<AutogradError>([&] { row.copy_(x); }),
      "copy_into_: a view made under no_grad must not be changed in place while recording, got f32 [2] cpu; make the "
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

}  // namespace
}  // namespace farro
