// SPDX-License-Identifier: Apache-2.0
// Leaves whose gradients lie in parts of one buffer.
#include <farro/autograd/engine/grad_buffer.h>

#include <farro/tests/autograd/support.h>

namespace farro {
namespace {

using namespace testing_support;

struct GradBuffer : testing::Test {
  Tensor x = leaf({1, 2}), y = leaf({3, 4, 5});
  Tensor flat = full({5}, -7.0);
  void SetUp() override {
    set_grad_buffer(x, flat.narrow(0, 0, 2));
    set_grad_buffer(y, flat.narrow(0, 2, 3));
  }
  void walk() { ((x * tensor({10, 20})).sum() + (y * y).sum()).backward(); }
};

TEST_F(GradBuffer, TheFirstWriteOverwritesAndLaterOnesAdd) {
  EXPECT_FALSE(x.grad().defined());
  walk();
  EXPECT_EQ(values(flat), (V{10, 20, 6, 8, 10}));
  EXPECT_EQ(x.grad().raw_data(), flat.raw_data());
  EXPECT_EQ(y.grad().storage_offset(), 2);
  walk();
  EXPECT_EQ(values(flat), (V{20, 40, 12, 16, 20}));
  x.set_grad({});
  y.set_grad({});
  walk();
  EXPECT_EQ(values(flat), (V{10, 20, 6, 8, 10}));
  flat.zero_();
  EXPECT_EQ(values(x.grad()), (V{0, 0}));
}

TEST_F(GradBuffer, SeveralPathsAndBroadcastsAddUp) {
  (x + x * 2 + x.sum()).sum().backward();
  EXPECT_EQ(values(flat.narrow(0, 0, 2)), (V{5, 5}));
  x.set_grad({});
  x.sum().backward();  // an expanded gradient
  EXPECT_EQ(values(flat.narrow(0, 0, 2)), (V{1, 1}));
}

TEST_F(GradBuffer, WhereNoGradientArrivesThereIsNone) {
  (x * 2).sum().backward();
  EXPECT_FALSE(y.grad().defined());
  EXPECT_EQ(values(flat), (V{2, 2, -7, -7, -7}));
}

TEST_F(GradBuffer, SetGradWritesIntoIt) {
  const Tensor g = tensor({8, 9});
  x.set_grad(g);
  EXPECT_EQ(values(flat.narrow(0, 0, 2)), (V{8, 9}));
  EXPECT_EQ(x.grad().raw_data(), flat.raw_data());
  x.set_grad(x.grad().detach().zero_());  // zero_grad(false)
  EXPECT_EQ(values(x.grad()), (V{0, 0}));
  EXPECT_EQ(x.grad().raw_data(), flat.raw_data());
  EXPECT_EQ(values(g), (V{8, 9}));
}

TEST_F(GradBuffer, AGradientThatIsThereMovesIn) {
  Tensor z = leaf({1, 1});
  (z * 4).sum().backward();
  Tensor other = zeros({2});
  set_grad_buffer(z, other);
  EXPECT_EQ(values(other), (V{4, 4}));
  (z * 4).sum().backward();
  EXPECT_EQ(values(other), (V{8, 8}));
  set_grad_buffer(z, {});
  EXPECT_FALSE(grad_buffer(z).defined());
  EXPECT_EQ(values(z.grad()), (V{8, 8}));
  z.set_grad({});
  (z * 3).sum().backward();
  EXPECT_EQ(values(other), (V{8, 8}));
  EXPECT_EQ(values(z.grad()), (V{3, 3}));
}

TEST_F(GradBuffer, AGradientWithAGraphIsRefusedBeforeAnythingRuns) {
  Tensor plain = leaf({1, 1});
  EXPECT_EQ(
      error_of<AutogradError>([&] { (plain * x).sum().backward({}, {.create_graph = true}); }),
      "backward: a leaf with a gradient buffer must not get a gradient with a graph, got create_graph = true; use "
      "grad(), or take the buffer away");
  EXPECT_FALSE(plain.grad().defined());
  EXPECT_EQ(values(flat), (V{-7, -7, -7, -7, -7}));
  EXPECT_EQ(values(grad((x * x).sum(), x, {.create_graph = true})), (V{2, 4}));
}

TEST_F(GradBuffer, MustLookLikeTheLeaf) {
  EXPECT_EQ(error_of<ShapeError>([&] { set_grad_buffer(x, zeros({3})); }),
            "set_grad_buffer: buffer must have the leaf's shape [2], got f32 [3] cpu");
  EXPECT_EQ(error_of<DTypeError>([&] { set_grad_buffer(x, zeros({2}, {.dtype = DType::f64})); }),
            "set_grad_buffer: buffer must have the leaf's dtype f32, got f64 [2] cpu");
  EXPECT_EQ(error_of<DeviceError>([&] { set_grad_buffer(x, zeros({2}, {.device = Device::meta()})); }),
            "set_grad_buffer: buffer must be on the leaf's device cpu, got f32 [2] meta");
  EXPECT_THROW(set_grad_buffer(x, zeros({1}).expand({2})), ValueError);
  EXPECT_THROW(set_grad_buffer(x * 2, zeros({2})), AutogradError);
  EXPECT_THROW(set_grad_buffer(tensor({1, 2}), zeros({2})), AutogradError);
  EXPECT_THROW(set_grad_buffer(Tensor(), zeros({2})), ValueError);
  EXPECT_EQ(grad_buffer(x).raw_data(), flat.raw_data());
}

TEST_F(GradBuffer, LeaksNothing) {
  Probe probe;
  for (int i = 0; i < 3; ++i) {
    Tensor z = leaf({1});
    set_grad_buffer(z, probe.make(0));
    (z * 2).sum().backward();
  }
  EXPECT_EQ(probe.alive(), 0);
}

}  // namespace
}  // namespace farro
