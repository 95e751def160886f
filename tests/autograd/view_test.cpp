// SPDX-License-Identifier: Apache-2.0
// Views: the stride arithmetic against brute force over random layouts, every view method against plain loops, and
// in-place changes through views with gradients.
#include <farro/autograd/engine/engine.h>
#include <farro/autograd/node/grad_mode.h>
#include <farro/core/random/generator.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/memory/reshape.h>
#include <farro/kernels/pointwise/arithmetic.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace farro {
namespace {

using V = std::vector<double>;
V values(const Tensor& t) { return t.to_vector<double>(); }

// Where every element lies, in row-major order.
std::vector<int64_t> places(const Shape& sizes, const Strides& strides) {
  std::vector<int64_t> out;
  const int64_t numel = checked_numel("places", sizes);
  for (int64_t n = 0; n < numel; ++n) {
    int64_t at = 0, rest = n;
    for (int d = sizes.size() - 1; d >= 0; --d) {
      at += rest % sizes[d] * strides[d];
      rest /= sizes[d];
    }
    out.push_back(at);
  }
  return out;
}

// Strides under which `to` visits the places in order, if there are any: they can be read off the neighbours of element
// 0.
std::optional<Strides> brute_force(const std::vector<int64_t>& wanted, const Shape& to) {
  Strides strides = Dims::filled(to.size(), 0);
  int64_t step = 1;
  for (int d = to.size() - 1; d >= 0; --d) {
    if (to[d] > 1) strides[d] = wanted[static_cast<size_t>(step)] - wanted[0];
    step *= to[d];
  }
  if (places(to, strides) != wanted) return std::nullopt;
  return strides;
}

// A random way to write `numel` as a product, with ones strewn in.
Shape random_shape(int64_t numel, RandomSequence& random) {
  Shape sizes;
  while (numel > 1 && sizes.size() < 5) {
    int64_t factor = 2 + static_cast<int64_t>(random.below(3));
    while (numel % factor != 0) factor = factor == 4 ? 2 : factor == 3 ? 4 : factor == 2 ? numel : factor;
    if (random.below(4) == 0) factor = numel;
    sizes.push_back(factor);
    numel /= factor;
  }
  if (numel > 1) sizes.push_back(numel);
  while (sizes.size() < 7 && random.below(3) == 0) sizes.insert(static_cast<int>(random.below(sizes.size() + 1u)), 1);
  return sizes;
}

TEST(ViewStrides, AgreeWithBruteForce) {
  RandomSequence random(Generator(5).state());
  int views = 0, copies = 0;
  for (int trial = 0; trial < 40'000; ++trial) {
    constexpr int64_t kNumels[] = {1, 2, 4, 6, 8, 12, 16, 24, 36, 48};
    const int64_t numel = kNumels[random.below(std::size(kNumels))];
    const Shape from = random_shape(numel, random), to = random_shape(numel, random);
    Strides strides = contiguous_strides(from);
    for (int d = 0; d < from.size(); ++d) {
      const uint64_t kind = random.below(10);
      if (kind == 0) strides[d] = 0;   // expanded
      if (kind == 1) strides[d] *= 2;  // every other
      if (kind == 2) std::swap(strides[d], strides[static_cast<int>(random.below(static_cast<uint64_t>(from.size())))]);
      if (from[d] == 1 && kind < 6) strides[d] = static_cast<int64_t>(random.below(100));  // means nothing
    }
    const auto wanted = places(from, strides);
    const auto expected = brute_force(wanted, to);
    const auto got = view_strides(from, strides, to);
    const std::string what = str(from, " strides ", strides, " as ", to);
    ASSERT_EQ(got.has_value(), expected.has_value()) << what;
    (got ? views : copies)++;
    if (got) {
      ASSERT_EQ(places(to, *got), wanted) << what;
    }
  }
  EXPECT_GT(views, 5000);
  EXPECT_GT(copies, 5000);
}

TEST(ViewStrides, EmptyAndScalar) {
  EXPECT_EQ(*view_strides({0, 3}, {7, 2}, {3, 0, 2}), contiguous_strides({3, 0, 2}));
  EXPECT_EQ(view_strides({}, {}, {})->size(), 0);
  EXPECT_EQ(view_strides({}, {}, {1, 1})->size(), 2);
  EXPECT_EQ(view_strides({1, 1}, {5, 9}, {})->size(), 0);
}

TEST(View, ReshapeSharesWhereItCan) {
  const Tensor x = arange(24.0).reshape({2, 3, 4});
  EXPECT_EQ(x.reshape({6, 4}).storage().get(), x.storage().get());
  EXPECT_EQ(x.transpose(0, 1).reshape({3, 2, 2, 2}).storage().get(), x.storage().get());
  const Tensor copied = x.transpose(1, 2).reshape({2, 12});
  EXPECT_NE(copied.storage().get(), x.storage().get());
  EXPECT_EQ(values(copied).size(), 24u);
}

TEST(View, SliceClampsAsPythonDoes) {
  const Tensor x = arange(5.0);
  struct Case {
    int64_t start, end, step;
    V expected;
  };
  const Case cases[] = {{0, 5, 1, {0, 1, 2, 3, 4}},
                        {1, 100, 1, {1, 2, 3, 4}},
                        {-2, 5, 1, {3, 4}},
                        {-100, 2, 1, {0, 1}},
                        {3, 1, 1, {}},
                        {5, 9, 1, {}},
                        {0, -1, 1, {0, 1, 2, 3}},
                        {0, 5, 2, {0, 2, 4}},
                        {1, 5, 3, {1, 4}},
                        {0, 5, 100, {0}},
                        {4, 5, 2, {4}},
                        {0, -100, 1, {}},
                        {INT64_MIN, INT64_MAX, INT64_MAX, {0}}};
  for (const Case& c : cases) {
    const Tensor y = x.slice(0, c.start, c.end, c.step);
    EXPECT_EQ(values(y), c.expected) << c.start << ":" << c.end << ":" << c.step;
    EXPECT_EQ(values(y.clone()), c.expected);
  }
  EXPECT_EQ(zeros({0, 3}).slice(0, 0, 5).sizes(), (Shape{0, 3}));
}

TEST(View, ExpandOfNothing) {
  EXPECT_EQ(zeros({0}).expand({3, 0}).sizes(), (Shape{3, 0}));
  EXPECT_EQ(zeros({1}).expand({0}).sizes(), (Shape{0}));
  EXPECT_EQ(zeros({0, 1}).expand({-1, 4}).sizes(), (Shape{0, 4}));
  EXPECT_EQ(zeros({1, 0}).expand({5, 0}).clone().sizes(), (Shape{5, 0}));
  EXPECT_EQ(values(zeros({}).expand({2, 2})), (V{0, 0, 0, 0}));
  EXPECT_THROW(zeros({0}).expand({3}), ShapeError);
  EXPECT_THROW(zeros({2}).expand({-1, -1, -1}), ShapeError);
  EXPECT_THROW(zeros({2, 3}).expand({3}), ShapeError);
}

TEST(View, SizeOneDimensions) {
  const Tensor x = arange(6.0).reshape({1, 2, 1, 3, 1});
  EXPECT_EQ(x.squeeze().sizes(), (Shape{2, 3}));
  EXPECT_EQ(x.squeeze(2).sizes(), (Shape{1, 2, 3, 1}));
  EXPECT_EQ(x.squeeze(1).sizes(), x.sizes());
  EXPECT_TRUE(x.permute({4, 2, 0, 1, 3}).is_contiguous());
  EXPECT_EQ(zeros({}).squeeze().sizes(), (Shape{}));
  EXPECT_EQ(zeros({}).unsqueeze(-1).sizes(), (Shape{1}));
  EXPECT_EQ(zeros({2, 3}).unsqueeze(-1).sizes(), (Shape{2, 3, 1}));
  EXPECT_EQ(zeros({2, 3}).unsqueeze(0).sizes(), (Shape{1, 2, 3}));
  EXPECT_TRUE(zeros({2, 3}).unsqueeze(1).is_contiguous());
  // The element after a size-1 dimension is where the stride says, whatever that dimension's own stride is.
  const Tensor odd = x.as_strided({2, 1, 3}, {3, 77, 1}, 0);
  EXPECT_EQ(values(odd.reshape({6})), values(x));
  EXPECT_EQ(odd.reshape({6}).storage().get(), x.storage().get());
}

TEST(View, SplitChunkUnbind) {
  const Tensor x = arange(10.0).reshape({5, 2});
  const auto sizes_of = [](const std::vector<Tensor>& parts) {
    std::vector<int64_t> sizes;
    for (const Tensor& part : parts) sizes.push_back(part.sizes()[0]);
    return sizes;
  };
  using L = std::vector<int64_t>;
  EXPECT_EQ(sizes_of(x.split(2)), (L{2, 2, 1}));
  EXPECT_EQ(sizes_of(x.split(7)), (L{5}));
  EXPECT_EQ(sizes_of(zeros({0, 2}).split(3)), (L{0}));
  EXPECT_EQ(sizes_of(x.chunk(2)), (L{3, 2}));
  EXPECT_EQ(sizes_of(x.chunk(4)), (L{2, 2, 1}));  // as in PyTorch: three
  EXPECT_EQ(sizes_of(x.chunk(9)), (L{1, 1, 1, 1, 1}));
  EXPECT_EQ(x.unbind().size(), 5u);
  EXPECT_EQ(values(x.unbind(1)[1]), (V{1, 3, 5, 7, 9}));
  EXPECT_THROW(zeros({}).split(1), ShapeError);
  // A loop over nothing is no excuse: without a dimension there is nothing to take apart.
  EXPECT_THROW(scalar_tensor(1.0).unbind(0), IndexError);
  EXPECT_THROW(scalar_tensor(1.0).unbind(-1), IndexError);
  EXPECT_THROW(zeros({}).chunk(1), ShapeError);
  EXPECT_THROW(zeros({0}).unbind(1), IndexError);
  EXPECT_THROW(zeros({0}).chunk(2, 1), IndexError);
  EXPECT_THROW(zeros({0}).split(2, -2), IndexError);
  EXPECT_EQ(zeros({0, 2}).unbind().size(), 0u);
  EXPECT_EQ(zeros({2, 0}).unbind(1).size(), 0u);
  EXPECT_EQ(sizes_of(x.chunk(INT64_MAX)), (L{1, 1, 1, 1, 1}));
}

TEST(View, SelectNarrowBounds) {
  const Tensor x = arange(6.0).reshape({2, 3});
  EXPECT_EQ(values(x.select(1, -1)), (V{2, 5}));
  EXPECT_EQ(values(x[1][2]), (V{5}));
  EXPECT_THROW(x.select(1, 3), IndexError);
  EXPECT_THROW(x.select(1, -4), IndexError);
  EXPECT_THROW(zeros({0}).select(0, 0), IndexError);
  EXPECT_EQ(x.narrow(1, 3, 0).sizes(), (Shape{2, 0}));
  EXPECT_EQ(values(x.narrow(1, -2, 2)), (V{1, 2, 4, 5}));
  EXPECT_THROW(x.narrow(1, 2, 2), IndexError);
  EXPECT_THROW(x.narrow(1, 0, INT64_MAX), IndexError);
  EXPECT_THROW(x.narrow(1, INT64_MIN, 1), IndexError);
}

TEST(View, FlattenAndTranspose) {
  const Tensor x = arange(24.0).reshape({2, 3, 4});
  EXPECT_EQ(x.flatten().sizes(), (Shape{24}));
  EXPECT_EQ(x.flatten(0, 1).sizes(), (Shape{6, 4}));
  EXPECT_EQ(x.flatten(1, 1).sizes(), x.sizes());
  EXPECT_EQ(zeros({}).flatten().sizes(), (Shape{1}));
  EXPECT_EQ(zeros({2, 0, 3}).flatten().sizes(), (Shape{0}));
  EXPECT_EQ(x.transpose(0, -1).sizes(), (Shape{4, 3, 2}));
  EXPECT_EQ(zeros({}).transpose(0, -1).sizes(), (Shape{}));
  EXPECT_EQ(zeros({3}).t().sizes(), (Shape{3}));
}

TEST(View, AsStridedStaysInside) {
  const Tensor x = arange(6.0);
  EXPECT_EQ(values(x.as_strided({3, 2}, {1, 3}, 0)), (V{0, 3, 1, 4, 2, 5}));
  EXPECT_EQ(values(x.as_strided({2, 2}, {1, 1}, 4 - 2)), (V{2, 3, 3, 4}));
  EXPECT_THROW(x.as_strided({3}, {1}, 4), IndexError);
  EXPECT_THROW(x.as_strided({3}, {1}, -1), IndexError);
  EXPECT_THROW(x.as_strided({2}, {-1}, 3), ValueError);
  EXPECT_THROW(x.as_strided({INT64_MAX}, {INT64_MAX}, 0), ShapeError);
  EXPECT_EQ(x.as_strided({0}, {1}, 6).numel(), 0);
}

// --- in-place changes through views

Tensor leaf(const V& list) { return tensor(list).set_requires_grad(); }

TEST(ViewGrad, InPlaceOnViewsOfViews) {
  Tensor x = leaf({1, 2, 3, 4, 5, 6});
  Tensor y = x * 1;
  Tensor row = y.reshape({2, 3})[1];
  row.narrow(0, 1, 2).mul_(10);  // elements 4 and 5
  EXPECT_EQ(values(y), (V{1, 2, 3, 4, 50, 60}));
  EXPECT_EQ(values(row), (V{4, 50, 60}));
  (y * y).backward(ones({6}, {.dtype = DType::f64}));
  EXPECT_EQ(values(x.grad()), (V{2, 4, 6, 8, 1000, 1200}));
}

TEST(ViewGrad, SeveralChangesInARow) {
  Tensor x = leaf({1, 2, 3, 4});
  Tensor y = x * 2;
  y.narrow(0, 0, 2).add_(x.narrow(0, 2, 2));                        // 2 x0 + x2, 2 x1 + x3
  y.slice(0, 0, 4, 2).mul_(tensor({3, 5}, {.dtype = DType::f64}));  // times 3, times 5
  y.t().zero_().add_(1);                                            // forgets all of it
  y.backward(ones({4}, {.dtype = DType::f64}));
  EXPECT_EQ(values(x.grad()), (V{0, 0, 0, 0}));

  Tensor z = x * 2;
  z.narrow(0, 0, 2).add_(x.narrow(0, 2, 2));
  z.slice(0, 0, 4, 2).mul_(tensor({3, 5}, {.dtype = DType::f64}));
  EXPECT_EQ(values(z), (V{15, 8, 30, 8}));
  x.set_grad({});
  z.backward(ones({4}, {.dtype = DType::f64}));
  EXPECT_EQ(values(x.grad()), (V{6, 2, 13, 3}));
}

TEST(ViewGrad, CopyIntoAPartCutsItsHistory) {
  Tensor x = leaf({1, 2, 3}), s = leaf({7});
  Tensor y = x * 3;
  y.narrow(0, 1, 1).copy_(s * 2);
  EXPECT_EQ(values(y), (V{3, 14, 9}));
  y.backward(ones({3}, {.dtype = DType::f64}));
  EXPECT_EQ(values(x.grad()), (V{3, 0, 3}));
  EXPECT_EQ(values(s.grad()), (V{2}));
}

TEST(ViewGrad, AnOlderViewSeesTheChangeOfAnother) {
  Tensor x = leaf({1, 2, 3, 4});
  Tensor y = x * 1;
  const Tensor a = y.narrow(0, 0, 3), b = y.narrow(0, 2, 2);
  b.detach();
  Tensor(b).mul_(5);
  EXPECT_EQ(values(a), (V{1, 2, 15}));
  a.backward(ones({3}, {.dtype = DType::f64}));
  EXPECT_EQ(values(x.grad()), (V{1, 1, 5, 0}));
}

TEST(ViewGrad, TransposedAndExpandedBases) {
  Tensor x = leaf({1, 2, 3, 4, 5, 6});
  Tensor y = (x.reshape({2, 3}) * 1).t();  // a base that is not contiguous once cloned with its layout
  Tensor z = y.clone();
  z[0].mul_(10);
  EXPECT_EQ(values(z), (V{10, 40, 2, 5, 3, 6}));
  z.backward(ones({3, 2}, {.dtype = DType::f64}));
  EXPECT_EQ(values(x.grad()), (V{10, 1, 1, 10, 1, 1}));
  EXPECT_THROW(leaf({1}).expand({3}).mul_(2), Error);
}

TEST(ViewGrad, ElementsThatAViewHoldsTwiceAddUp) {
  Tensor x = leaf({1, 2, 3, 4, 5});
  const Tensor windows = x.as_strided({3, 3}, {1, 1}, 0);  // {1, 2, 3}, {2, 3, 4}, {3, 4, 5}
  windows.backward(tensor({1, 2, 3, 4, 5, 6, 7, 8, 9}, {.dtype = DType::f64}).view({3, 3}));
  EXPECT_EQ(values(x.grad()), (V{1, 2 + 4, 3 + 5 + 7, 6 + 8, 9}));
  x.set_grad({});
  const Tensor repeated = x.as_strided({2, 2, 2}, {0, 2, 1}, 1).as_strided({2, 2, 2}, {0, 1, 2}, 1);
  repeated.backward(ones({2, 2, 2}, {.dtype = DType::f64}));
  EXPECT_EQ(values(x.grad()), (V{0, 2, 2, 2, 2}));
  Tensor y = leaf({1, 2, 3});
  const Tensor pairs = (y * y).as_strided({2, 2}, {1, 1}, 0);
  const Tensor first = grad({{pairs}}, {{y}}, {{ones({2, 2}, {.dtype = DType::f64})}}, {.create_graph = true})[0];
  EXPECT_EQ(values(first), (V{2, 8, 6}));
  first.backward(ones({3}, {.dtype = DType::f64}));
  EXPECT_EQ(values(y.grad()), (V{2, 4, 2}));
}

TEST(ViewGrad, LeavesAreProtected) {
  Tensor x = leaf({1, 2});
  EXPECT_THROW(x.mul_(2), AutogradError);
  EXPECT_THROW(x.narrow(0, 0, 1).mul_(2), AutogradError);
  {
    const no_grad guard;
    x.narrow(0, 0, 1).mul_(2);
  }
  EXPECT_EQ(values(x), (V{2, 2}));
  EXPECT_TRUE(x.is_leaf());
}

TEST(ViewGrad, GradientOfGradientThroughAnInPlaceView) {
  Tensor x = leaf({2, 3});
  Tensor y = x * x;
  y.narrow(0, 0, 1).add_(x.narrow(0, 0, 1) * x.narrow(0, 1, 1));  // x0^2 + x0 x1, x1^2
  const Tensor dx = grad(y.sum(), x, {.create_graph = true});
  EXPECT_EQ(values(dx), (V{2 * 2 + 3, 2 + 2 * 3}));
  EXPECT_EQ(values(grad(dx.sum(), x)), (V{3, 3}));
}

TEST(ViewGrad, AViewMustStayInsideItsBase) {
  const Tensor s = zeros({10}, {.dtype = DType::f32});
  Tensor p = s.narrow(0, 5, 5).detach().set_requires_grad();
  try {
    p.as_strided({5}, {1}, 0);
    FAIL();
  } catch (const ValueError& error) {
    EXPECT_STREQ(error.what(),
                 "as_strided: a view must stay inside its base where gradients are recorded, elements 5 to 9 of the "
                 "storage, got elements 0 to 4 (base: f32 [5] cpu)");
  }
  EXPECT_THROW(p.as_strided({2}, {5}, 5), Error);
  EXPECT_EQ(p.detach().as_strided({5}, {1}, 0).numel(), 5);  // nothing to record
  p.as_strided({0}, {1}, 0).sum().backward();
  EXPECT_EQ(values(p.grad()), (V{0, 0, 0, 0, 0}));
  // In place: a view of a buffer, which gets its history only now.
  Tensor buffer = s.narrow(0, 5, 5).detach(), outside = buffer.as_strided({5}, {1}, 0);
  EXPECT_THROW(outside.add_(p), ValueError);
  EXPECT_EQ(values(s), V(10, 0.0));
}

TEST(ViewGrad, ABaseMustNotHoldAnElementTwice) {
  Tensor p = zeros({1}, {.dtype = DType::f32}).expand({3}).detach().set_requires_grad();
  try {
    p.as_strided({1}, {1}, 0);
    FAIL();
  } catch (const ValueError& error) {
    EXPECT_STREQ(
        error.what(),
        "as_strided: the base of a view must not hold an element twice where gradients are recorded, got strides "
        "[0] (base: f32 [3] cpu); clone() it first");
  }
}

TEST(ViewGrad, GapsOfABaseGiveNoGradient) {
  full({9}, 1e30, {.dtype = DType::f64});  // leaves its memory for others
  Tensor p = zeros({10}, {.dtype = DType::f64}).slice(0, 0, 10, 2).detach(), w = leaf({1});
  Tensor across = p.as_strided({9}, {1}, 0);
  across.add_(w);
  p.backward(ones({5}, {.dtype = DType::f64}));
  EXPECT_EQ(values(w.grad()), (V{5}));
}

TEST(View, AtMostEightDimensions) {
  const Tensor x = zeros({1, 1, 1, 1, 1, 1, 1, 1}, {.dtype = DType::f32});
  try {
    x.unsqueeze(0);
    FAIL();
  } catch (const ShapeError& error) {
    EXPECT_STREQ(error.what(),
                 "unsqueeze: tensor must have at most 7 dimensions, got f32 [1, 1, 1, 1, 1, 1, 1, 1] cpu");
  }
  try {
    zeros({1, 1, 1, 1, 1, 1, 1, 1, 1});
    FAIL();
  } catch (const ShapeError& error) {
    EXPECT_STREQ(error.what(), "shape: a tensor must have at most 8 dimensions, got 9");
  }
}

TEST(Layout, OnlyDenseLayoutsAreKept) {
  // Reaches as far as a dense tensor of its size, but holds each element four times.
  const Tensor e = arange(14.0).reshape({2, 7}).narrow(1, 0, 1).expand({2, 4});
  EXPECT_EQ(values(e + tensor({10, 20, 30, 40}, {.dtype = DType::f64})), (V{10, 20, 30, 40, 17, 27, 37, 47}));
  EXPECT_EQ(values(e * 2), (V{0, 0, 0, 0, 14, 14, 14, 14}));
  EXPECT_EQ(values(zeros_like(e)), V(8, 0.0));
  const Tensor t = arange(6.0).reshape({2, 3}).t();
  EXPECT_EQ((t + t).strides(), t.strides());
  EXPECT_EQ(empty_like(t).strides(), t.strides());

  EXPECT_TRUE(is_dense({3, 1, 2}, {1, 99, 3}));
  EXPECT_TRUE(is_dense({0, 4}, {7, 7}));
  EXPECT_TRUE(is_dense({}, {}));
  EXPECT_FALSE(is_dense({2, 4}, {7, 0}));
  EXPECT_FALSE(is_dense({2, 2}, {2, 2}));
  EXPECT_FALSE(is_dense({2}, {2}));
  EXPECT_EQ(overlapping_dim({2, 3}, {3, 1}), -1);
  EXPECT_EQ(overlapping_dim({5, 3}, {1, 1}), 1);
  EXPECT_EQ(overlapping_dim({2, 100, 3}, {100, 1, 1}), 2);
  EXPECT_EQ(overlapping_dim({4, 1}, {0, 0}), 0);
}

}  // namespace
}  // namespace farro
