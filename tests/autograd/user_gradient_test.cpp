// SPDX-License-Identifier: Apache-2.0
// Gradients that come from the user's code must be what they stand for: nothing is summed, converted or moved quietly.
#include <farro/autograd/engine/hooks.h>
#include <farro/autograd/function/function.h>

#include <farro/tests/autograd/support.h>

namespace farro {
namespace {

using namespace testing_support;

constexpr TensorOptions kF64{.dtype = DType::f64};

template <class E>
void expect_hook_refused(const Tensor& returned, const std::string& message) {
  Tensor x = leaf({1, 2});
  x.register_hook([&](const Tensor&) { return returned; });
  EXPECT_EQ(error_of<E>([&] { (x * 1.0).sum().backward(); }), "accumulate_grad: " + message);
  EXPECT_FALSE(x.grad().defined());
  Tensor z = leaf({1, 2});
  const Tensor h = z + z;
  Tensor(h).register_hook([&](const Tensor&) { return returned; });
  EXPECT_EQ(error_of<E>([&] { grad(h.sum(), z); }), "add: " + message);
}

TEST(UserGradients, WhatAHookReturnsMustFitExactly) {
  expect_hook_refused<ShapeError>(ones({3, 2}), "a hook must return a gradient of shape [2], got f32 [3, 2] cpu");
  expect_hook_refused<ShapeError>(ones({1, 2}), "a hook must return a gradient of shape [2], got f32 [1, 2] cpu");
  expect_hook_refused<ShapeError>(ones({1}), "a hook must return a gradient of shape [2], got f32 [1] cpu");
  expect_hook_refused<ShapeError>(scalar_tensor(1.0), "a hook must return a gradient of shape [2], got f32 [] cpu");
  expect_hook_refused<DTypeError>(ones({2}, kF64), "a hook must return a gradient of dtype f32, got f64 [2] cpu");
  expect_hook_refused<DTypeError>(ones({2}, {.dtype = DType::i64}),
                                  "a hook must return a gradient of dtype f32, got i64 [2] cpu");
  expect_hook_refused<DeviceError>(ones({2}, {.device = Device::meta()}),
                                   "a hook must return a gradient on cpu, got f32 [2] meta");
}

// Returns what it is given as the gradient of its second argument.
struct Returns {
  Tensor result;
  Tensor forward(FunctionContext&, const Tensor& x, const Tensor& y, const Tensor& what) {
    result = what;
    return x + y;
  }
  std::vector<Tensor> backward(FunctionContext&, const std::vector<Tensor>& grads) { return {grads[0], result, {}}; }
};

TEST(UserGradients, WhatAFunctionReturnsMustFitExactly) {
  const auto expect_refused = [&]<class E>(std::type_identity<E>, const Tensor& result, const std::string& rest) {
    Tensor x = leaf({1, 2}), y = leaf({3, 4});
    EXPECT_EQ(error_of<E>([&] { apply_function<Returns>(x, y, result).sum().backward(); }),
              "custom_function: backward, for tensor argument 1, must return a gradient " + rest);
    EXPECT_FALSE(y.grad().defined());
    apply_function<Returns>(x, tensor({3, 4}), result).sum().backward();  // wanted by nobody
  };
  expect_refused(std::type_identity<ShapeError>(), ones({3, 2}), "of shape [2], got f32 [3, 2] cpu");
  expect_refused(std::type_identity<ShapeError>(), scalar_tensor(2.0), "of shape [2], got f32 [] cpu");
  expect_refused(std::type_identity<DTypeError>(), ones({2}, kF64), "of dtype f32, got f64 [2] cpu");
  expect_refused(std::type_identity<DeviceError>(), ones({2}, {.device = Device::meta()}), "on cpu, got f32 [2] meta");
}

TEST(UserGradients, StartingOnesMustFit) {
  Tensor x = leaf({1, 2});
  const Tensor y = x * 2;
  EXPECT_THROW(y.backward(ones({1, 2})), ShapeError);
  EXPECT_THROW(y.backward(ones({1})), ShapeError);
  EXPECT_EQ(error_of<DTypeError>([&] { y.backward(ones({2}, {.dtype = DType::i64})); }),
            "backward: a gradient must have a floating dtype, got i64 [2] cpu");
  EXPECT_EQ(error_of<DeviceError>([&] { y.sum().backward(ones({}, {.device = Device::meta()})); }),
            "backward: a gradient must be on its output's device cpu, got f32 [] meta");
  const Tensor bad = ones({2}, {.dtype = DType::boolean});
  EXPECT_THROW(grad({&y, 1}, {&x, 1}, {&bad, 1}), DTypeError);
  EXPECT_FALSE(x.grad().defined());
  y.backward(ones({2}, kF64));
  EXPECT_EQ(values(x.grad()), (V{2, 2}));
  EXPECT_EQ(x.grad().dtype(), DType::f32);
  EXPECT_THROW(x.set_grad(ones({1, 2})), ShapeError);
  EXPECT_THROW(x.set_grad(ones({1})), ShapeError);
  EXPECT_THROW(x.set_grad(ones({2}, kF64)), DTypeError);
  EXPECT_THROW(x.set_grad(ones({2}, {.device = Device::meta()})), DeviceError);
  EXPECT_EQ(values(x.grad()), (V{2, 2}));
}

TEST(UserGradients, AnEmptyHookIsRefusedAtOnce) {
  Tensor x = leaf({1, 2});
  EXPECT_EQ(error_of<ValueError>([&] { x.register_hook(nullptr); }),
            "register_hook: hook must be a function, got an empty one");
  EXPECT_EQ(error_of<ValueError>([&] { register_post_accumulate_hook(x, nullptr); }),
            "register_post_accumulate_hook: hook must be a function, got an empty one");
  (x * 1).sum().backward();
  EXPECT_EQ(values(x.grad()), (V{1, 1}));
}

}  // namespace
}  // namespace farro
