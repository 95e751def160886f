// SPDX-License-Identifier: Apache-2.0
// The engine: what is walked, what is kept, who sees which gradient.
#include <farro/autograd/engine/hooks.h>
#include <farro/autograd/node/node.h>
#include <farro/core/scope/scope.h>
#include <farro/kernels/optim/optim.h>
#include <farro/kernels/random/random.h>

#include <farro/tests/autograd/support.h>

#include <cmath>

namespace farro {
namespace {

using namespace testing_support;

TEST(Engine, GradientsAddUpOverPathsAndCalls) {
  Tensor x = leaf({2, 3});
  const Tensor y = x * x + x * 3 + x;
  y.backward(tensor({1, 1}), {.retain_graph = true});
  EXPECT_EQ(values(x.grad()), (V{8, 10}));
  y.backward(tensor({1, 1}));
  EXPECT_EQ(values(x.grad()), (V{16, 20}));
}

TEST(Engine, SeveralOutputsInOneWalk) {
  Tensor x = leaf({2});
  const Tensor outputs[] = {x * x, x * 5};
  const Tensor seeds[] = {tensor({10}), tensor({1})};
  backward(outputs, seeds);
  EXPECT_EQ(values(x.grad()), (V{45}));
}

TEST(Engine, BroadcastInputsGetSummedGradients) {
  Tensor x = leaf({1, 2}), s = scalar_tensor(3.0).set_requires_grad();
  Tensor y = x.reshape({2, 1}) * tensor({1, 10, 100}) * s;
  y.sum().backward();
  EXPECT_EQ(values(x.grad()), (V{333, 333}));
  EXPECT_EQ(s.grad().sizes(), Shape{});
  EXPECT_EQ(values(s.grad()), (V{333}));
}

TEST(Engine, AFreedGraphSaysSo) {
  Tensor x = leaf({2});
  const Tensor y = x * x;
  y.backward();
  EXPECT_EQ(
      error_of<AutogradError>([&] { y.backward(); }),
      "backward: the graph must not be walked twice, got a second walk through mul whose saved tensors were freed; "
      "pass {.retain_graph = true} to the first backward()");
}

TEST(Engine, ASharedPartThatSavedNothingServesTwoLosses) {
  Tensor x = leaf({2});
  const Tensor shared = x + x;
  (shared * 2).backward();
  (shared * 3).backward();
  EXPECT_EQ(values(x.grad()), (V{10}));
}

TEST(Engine, OutputsAreChecked) {
  Tensor x = leaf({1, 2});
  const Tensor y = x * 2;
  EXPECT_EQ(error_of<ShapeError>([&] { y.backward(); }),
            "backward: an output without a given gradient must have one element, got f32 [2] cpu");
  EXPECT_EQ(error_of<ShapeError>([&] { y.backward(tensor({1, 2, 3})); }),
            "backward: a gradient must have its output's shape [2], got f32 [3] cpu");
  EXPECT_EQ(error_of<AutogradError>([&] { tensor({1}).backward(); }),
            "backward: an output must require a gradient, got one that has no graph (f32 [1] cpu)");
  EXPECT_EQ(error_of<ValueError>([&] { backward({}); }), "backward: outputs must not be empty");
  EXPECT_EQ(error_of<ValueError>([&] { grad({&y, 1}, {}); }), "grad: inputs must not be empty");
}

TEST(Grad, LeavesTheLeavesAlone) {
  Tensor x = leaf({3}), w = leaf({5});
  const Tensor y = x * w;
  EXPECT_EQ(values(grad(y, x)), (V{5}));
  EXPECT_FALSE(x.grad().defined());
  EXPECT_FALSE(w.grad().defined());
}

TEST(Grad, OfAnIntermediateDoesNotTouchWhatLiesBehindIt) {
  Tensor x = leaf({3});
  const Tensor h = x * x, y = h * h;
  EXPECT_EQ(values(grad(y, h)), (V{18}));
  // The graph behind h was neither run nor freed.
  EXPECT_EQ(values(grad(h, x)), (V{6}));
}

TEST(Grad, OfSeveralInputsAtOnce) {
  Tensor x = leaf({3});
  const Tensor h = x * x, y = h * x;
  const Tensor inputs[] = {x, h, x};
  const auto grads = grad({&y, 1}, inputs);
  EXPECT_EQ(values(grads[0]), (V{27}));
  EXPECT_EQ(values(grads[1]), (V{3}));
  EXPECT_EQ(values(grads[2]), (V{27}));
}

TEST(Grad, UnusedInputsAreErrorsUnlessAllowed) {
  Tensor x = leaf({3}), unused = leaf({1});
  const Tensor y = x * x;
  const Tensor inputs[] = {x, unused};
  EXPECT_EQ(error_of<AutogradError>([&] { grad({&y, 1}, inputs, {}, {.retain_graph = true}); }),
            "grad: the outputs must depend on every input, got no path to input 1 (f32 [1] cpu); pass {.allow_unused = "
            "true} to get an undefined tensor instead");
  const auto grads = grad({&y, 1}, inputs, {}, {.allow_unused = true});
  EXPECT_EQ(values(grads[0]), (V{6}));
  EXPECT_FALSE(grads[1].defined());
}

TEST(Grad, CreateGraphGivesHigherOrders) {
  Tensor x = leaf({2});
  Tensor d = x * x * x * x;
  V orders;
  for (int order = 0; order < 4; ++order) {
    d = grad(d, x, {.create_graph = true});
    orders.push_back(d.item());
  }
  EXPECT_EQ(orders, (V{32, 48, 48, 24}));
}

TEST(Modes, NoGradRecordsNothing) {
  Tensor x = leaf({1});
  {
    const no_grad guard;
    EXPECT_FALSE((x * 2).requires_grad());
    const enable_grad again;
    EXPECT_TRUE((x * 2).requires_grad());
  }
  EXPECT_TRUE((x * 2).requires_grad());
}

TEST(Modes, InferenceTensorsStayOutOfGraphs) {
  Tensor x = leaf({2}), made;
  {
    const inference_mode guard;
    made = x * 3;
  }
  EXPECT_FALSE(made.requires_grad());
  EXPECT_EQ(
      error_of<AutogradError>([&] { x* made; }),
      "autograd: a tensor saved for backward must not come from inference_mode, got f32 [1] cpu; clone() it outside "
      "inference_mode first");
  EXPECT_THROW(made.set_requires_grad(), AutogradError);
  EXPECT_THROW(made.add_(x), AutogradError);
  (x + made).backward();  // nothing saved: fine
  EXPECT_EQ(values(x.grad()), (V{1}));
  EXPECT_EQ(values(made.clone() * x), (V{12}));
}

TEST(Modes, EverythingMadeUnderInferenceModeIsMarked) {
  std::vector<Tensor> made;
  Tensor x = leaf({1, 1}), parameter;
  const Tensor ordinary = tensor({1, 2});
  {
    const inference_mode guard;
    made = {empty({2}), zeros({2}), tensor({1, 2}), rand({2}), arange(2.0), ordinary * 2, ordinary.clone()};
    EXPECT_FALSE(ordinary.narrow(0, 0, 1).impl()->inference);  // a view is what its base is
    parameter = zeros({2}, {.requires_grad = true});           // modules may be made here
  }
  for (const Tensor& tensor : made) {
    EXPECT_TRUE(tensor.impl()->inference);
    EXPECT_THROW(x * tensor, AutogradError);
    EXPECT_TRUE(tensor.narrow(0, 0, 1).impl()->inference);
  }
  EXPECT_TRUE(parameter.requires_grad());
  EXPECT_FALSE(zeros({2}).impl()->inference);
}

TEST(Hooks, SeeAndReplaceGradientsInOrder) {
  Tensor x = leaf({1});
  Tensor y = x * 2;
  V seen;
  y.register_hook([&](const Tensor& g) {
    seen.push_back(g.item());
    return g * 10;
  });
  const uint64_t second = y.register_hook([&](const Tensor& g) {
    seen.push_back(g.item());
    return Tensor();
  });
  y.backward({}, {.retain_graph = true});
  EXPECT_EQ(seen, (V{1, 10}));
  EXPECT_EQ(values(x.grad()), (V{20}));
  y.remove_hook(second);
  y.backward();
  EXPECT_EQ(seen, (V{1, 10, 1}));
}

TEST(Hooks, MayRemoveThemselvesAndAddOthers) {
  Tensor x = leaf({1});
  int calls = 0;
  uint64_t id = 0;
  id = x.register_hook([&](const Tensor&) {
    ++calls;
    x.remove_hook(id);
    for (int i = 0; i < 50; ++i) x.register_hook([&](const Tensor&) { return ++calls, Tensor(); });
    return Tensor();
  });
  (x * 2).backward();
  EXPECT_EQ(calls, 1);
  (x * 2).backward();
  EXPECT_EQ(calls, 51);
}

TEST(Hooks, AnIdMeansOneHookForGood) {
  Tensor x = leaf({1});
  Tensor y = x * 1;
  const uint64_t before = y.register_hook([](const Tensor&) { return Tensor(); });
  y.mul_(2);  // y has another node now
  bool ran = false;
  const uint64_t after = y.register_hook([&](const Tensor&) { return ran = true, Tensor(); });
  EXPECT_NE(before, after);
  y.remove_hook(before);
  y.backward();
  EXPECT_TRUE(ran);
}

TEST(Hooks, UndefinedTensorsHaveNone) {
  const std::string undefined = " must be a defined tensor, got an undefined one";
  EXPECT_EQ(error_of<ValueError>([] { Tensor().is_leaf(); }), "is_leaf: tensor" + undefined);
  EXPECT_EQ(error_of<ValueError>([] { Tensor().remove_hook(1); }), "remove_hook: tensor" + undefined);
  EXPECT_EQ(error_of<ValueError>([] { register_post_accumulate_hook(Tensor(), [] {}); }),
            "register_post_accumulate_hook: leaf" + undefined);
  EXPECT_EQ(error_of<ValueError>([] { remove_post_accumulate_hook(Tensor(), 1); }),
            "remove_post_accumulate_hook: leaf must be a defined tensor, got an undefined one");
}

TEST(Hooks, AReplacementMustFit) {
  Tensor x = leaf({1, 2});
  x.register_hook([](const Tensor&) { return tensor({1, 2, 3}); });
  EXPECT_EQ(error_of<ShapeError>([&] { (x * 2).backward(tensor({1, 1})); }),
            "accumulate_grad: a hook must return a gradient of shape [2], got f32 [3] cpu");
}

TEST(Hooks, AfterAccumulation) {
  Tensor x = leaf({1});
  V grads;
  TensorImpl* raw = x.impl();
  const uint64_t id = register_post_accumulate_hook(x, [&] { grads.push_back(Tensor(raw->meta->grad()).item()); });
  (x * 2).backward();
  (x * 2).backward();
  grad(x * 2, x);  // accumulates nothing
  EXPECT_EQ(grads, (V{2, 4}));
  remove_post_accumulate_hook(x, id);
  (x * 2).backward();
  EXPECT_EQ(grads.size(), 2u);
  EXPECT_EQ(error_of<AutogradError>([&] { register_post_accumulate_hook(x * 2, [] {}); }),
            "register_post_accumulate_hook: tensor must be a leaf that requires a gradient, got f32 [1] cpu");
}

TEST(RetainGrad, KeepsWhatTheOtherHooksLeft) {
  Tensor x = leaf({1});
  Tensor y = x * 2;
  y.retain_grad();
  y.register_hook([](const Tensor& g) { return g * 7; });
  (y * y).backward({}, {.retain_graph = true});
  EXPECT_EQ(values(y.grad()), (V{28}));
  (y * 1).backward();
  EXPECT_EQ(values(y.grad()), (V{35}));
}

TEST(RetainGrad, GradKeepsNothing) {
  Tensor x = leaf({1});
  Tensor y = x * 2;
  y.retain_grad();
  grad(y * y, x, {.retain_graph = true});
  EXPECT_FALSE(y.grad().defined());
  (y * y).backward();
  EXPECT_EQ(values(y.grad()), (V{4}));
}

TEST(RetainGrad, FollowsAnInPlaceChange) {
  Tensor x = leaf({1, 2});
  Tensor y = x * 2;
  y.retain_grad();
  y.mul_(tensor({3, 3}));
  (y * 5).backward(tensor({1, 1}));
  EXPECT_EQ(values(y.grad()), (V{5, 5}));
  EXPECT_EQ(values(x.grad()), (V{30, 30}));
}

TEST(RetainGrad, OutlivesNothing) {
  Tensor x = leaf({1});
  Tensor z;
  {
    Tensor y = x * 2;
    y.retain_grad();
    z = y * 3;
  }
  z.backward();  // y is gone
  EXPECT_EQ(values(x.grad()), (V{6}));
}

TEST(Anomaly, NamesTheOpAndWhereItWasRecorded) {
  Tensor x = leaf({0});
  Tensor y;
  {
    const ScopeGuard scope("net");
    y = x / x;
  }
  const AnomalyGuard guard;
  EXPECT_EQ(error_of<AutogradError>([&] { y.backward(); }),
            "div: backward must not produce NaN, got NaN in the gradient of input 1 (f32 [1] cpu) in net");
}

TEST(Leaks, AnErrorInBackwardLeavesNothingBehind) {
  Probe probe;
  for (int i = 0; i < 100; ++i) {
    Tensor x = probe.make(2).set_requires_grad();
    Tensor y = x * probe.make(3) * x;
    y.register_hook([](const Tensor&) -> Tensor { fail<ValueError>("stop"); });
    EXPECT_THROW((y * probe.make(1)).backward(), ValueError);
  }
  EXPECT_EQ(probe.alive(), 0);
}

TEST(Leaks, GraphsKeptForSecondOrderAreFreed) {
  Probe probe;
  for (int i = 0; i < 100; ++i) {
    Tensor x = probe.make(2).set_requires_grad();
    const Tensor y = x * x * probe.make(3);
    const Tensor d = grad(y, x, {.create_graph = true});
    grad(d * d, x, {.create_graph = true});
  }
  EXPECT_EQ(probe.alive(), 0);
}

TEST(Leaks, SavedTensorsGoAsTheWalkPasses) {
  Probe probe;
  Tensor x = leaf({1});
  const Tensor y = x * probe.make(3);
  EXPECT_EQ(probe.alive(), 1);
  y.backward();
  EXPECT_EQ(probe.alive(), 0);
}

TEST(Call, AnOpWithoutGradientRefusesInputsThatNeedOne) {
  Tensor x = leaf({3, 4});
  EXPECT_EQ(
      error_of<AutogradError>([&] { multi_tensor_norm({&x, 1}); }),
      "multi_tensor_norm: tensors[0] must not require a gradient, for there is none: it measures gradients; use norm() "
      "for a differentiable one; detach() first (tensors: [f32 [2] cpu], p: 2)");
  const no_grad guard;
  EXPECT_EQ(values(multi_tensor_norm({&x, 1})), (V{5}));
}

TEST(AccumulateGrad, GradientsAreNobodyElses) {
  Tensor x = leaf({1, 2}), seed = tensor({1, 1});
  x.backward(seed);
  x.grad().add_(1);
  EXPECT_EQ(values(seed), (V{1, 1}));
  Tensor a = leaf({1, 2}), b = leaf({3, 4});
  (a + b).backward(seed);
  a.grad().add_(1);
  EXPECT_EQ(values(b.grad()), (V{1, 1}));
}

TEST(AccumulateGrad, LiesInMemoryLikeItsLeaf) {
  Tensor x = zeros({1, 2, 2, 2}).contiguous(MemoryFormat::channels_last).set_requires_grad();
  (x * 2).sum().backward();
  EXPECT_EQ(x.grad().strides(), x.strides());
  Tensor y = zeros({2, 3}).set_requires_grad();
  (y.t() * ones({3, 2})).sum().backward();
  EXPECT_TRUE(y.grad().is_contiguous());
}

}  // namespace
}  // namespace farro
