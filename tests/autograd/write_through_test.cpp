// SPDX-License-Identifier: Apache-2.0
// Assigning to a temporary: z[1] = t writes into z, or is refused where nobody would see it.
#include <farro/tests/autograd/support.h>

#include <farro/kernels/index/indexing.h>
#include <farro/kernels/memory/factories.h>

#include <gtest/gtest.h>

#include <type_traits>

namespace farro {
namespace {

using namespace testing_support;

TEST(WriteThrough, AViewOnTheLeftIsWritten) {
  Tensor z = zeros({3});
  z[1] = scalar_tensor(7.0);
  EXPECT_EQ(values(z), (V{0, 7, 0}));
  z[0] = 2;
  z[2] = true;
  EXPECT_EQ(values(z), (V{2, 7, 1}));

  Tensor m = zeros({2, 3});
  m[0] = tensor({1, 2, 3});
  m.select(1, 2) = 5.0;
  m.index({1, Slice(0, 2)}) = tensor({8, 9});
  EXPECT_EQ(values(m), (V{1, 2, 5, 8, 9, 5}));
  m.narrow(0, 0, 1) = m[1];
  m.t()[0] = 4;
  m.view({6}).slice(0, 4, 6) = -1.0;
  m.reshape({3, 2})[1] = 0;
  EXPECT_EQ(values(m), (V{4, 9, 0, 0, -1, -1}));
  m.transpose(0, 1).unsqueeze(0).squeeze(0)[0] = m.t()[1];
  m.detach()[0][0] = 3;
  EXPECT_EQ(values(m), (V{3, 9, 0, -1, -1, -1}));
  m.index({Ellipsis, 0}) = m.index({Ellipsis, 1});
  EXPECT_EQ(values(m), (V{9, 9, 0, -1, -1, -1}));
}

TEST(WriteThrough, GradientsSeeTheWrite) {
  Tensor x = tensor({1, 2, 3}).set_requires_grad(), y = tensor({5}).set_requires_grad();
  Tensor z = x * 1;
  z[1] = y[0];
  (z * tensor({1, 10, 100})).sum().backward();
  EXPECT_EQ(values(x.grad()), (V{1, 0, 100}));
  EXPECT_EQ(values(y.grad()), (V{10}));
  EXPECT_TRUE(throws<AutogradError>([&] { x[0] = 1; }));
}

TEST(WriteThrough, MemoryOfTheCallerAndSharedHandlesAreWritten) {
  float data[2] = {1, 2};
  from_blob(data, {2}) = 3;
  EXPECT_EQ(data[1], 3);
  Tensor held = zeros({2});
  const auto get = [&] { return held; };
  get() = 4;
  EXPECT_EQ(values(held), (V{4, 4}));
}

TEST(WriteThrough, AWriteThatWouldBeLostIsRefused) {
  Tensor z = zeros({3});
  const Tensor mask = z == 0, places = tensor(std::vector<int64_t>{0, 1});
  const std::string lost =
      "operator=: tensor must be a view or a handle of another tensor, got a temporary copy, where the new values "
      "would be "
      "lost; index_put_ writes to masks and lists of places (tensor: ";
  EXPECT_EQ(error_of<ValueError>([&] { z.index({mask}) = 1; }), lost + "f32 [3] cpu)");
  EXPECT_EQ(error_of<ValueError>([&] { z.index({places}) = ones({2}); }), lost + "f32 [2] cpu)");
  EXPECT_TRUE(throws<ValueError>([&] { z.to(DType::f64) = 1; }));
  EXPECT_TRUE(throws<ValueError>([&] { z.clone() = 1; }));
  EXPECT_TRUE(throws<ValueError>([&] { z + 1 = z; }));
  EXPECT_EQ(error_of<ValueError>([&] { Tensor() = z; }),
            "operator=: tensor must be a defined tensor, got an undefined one");
  EXPECT_TRUE(throws<ValueError>([&] { z[0] = Tensor(); }));
  EXPECT_TRUE(throws<ShapeError>([&] { z[0] = ones({2}); }));
  EXPECT_EQ(values(z), (V{0, 0, 0}));
}

TEST(WriteThrough, ANamedHandleIsStillMadeToRefer) {
  Tensor a = zeros({2}), b = ones({2});
  a = b;
  EXPECT_TRUE(a.is_same(b));
  a = b + 1;
  EXPECT_EQ(values(b), (V{1, 1}));
  a = b[0];
  EXPECT_EQ(a.dim(), 0);
  static_assert(std::is_nothrow_move_assignable_v<Tensor> && std::is_nothrow_move_constructible_v<Tensor>);
  static_assert(!std::is_assignable_v<Tensor&, double> && !std::is_assignable_v<const Tensor&, Tensor>);
}

}  // namespace
}  // namespace farro
