// SPDX-License-Identifier: Apache-2.0
// Custom functions, recompute() and gradcheck().
#include <farro/autograd/check/gradcheck.h>
#include <farro/autograd/engine/recompute.h>
#include <farro/autograd/function/function.h>
#include <farro/kernels/random/dropout.h>
#include <farro/kernels/random/random.h>

#include <farro/tests/autograd/support.h>

namespace farro {
namespace {

using namespace testing_support;

Tensor leaf64(std::initializer_list<double> list) { return tensor(list, {.dtype = DType::f64}).set_requires_grad(); }

struct ScaledSquare {
  static constexpr const char* name = "scaled_square";
  double factor = 0;
  Tensor forward(FunctionContext& context, const Tensor& x, double by) {
    EXPECT_FALSE(grad_enabled());
    factor = by;
    context.save({x});
    return x * x * by;
  }
  std::vector<Tensor> backward(FunctionContext& context, const std::vector<Tensor>& grads) {
    return {grads[0] * context.saved()[0] * (2 * factor)};
  }
};

TEST(Function, HasItsOwnGradient) {
  Tensor x = leaf({3});
  const Tensor y = apply_function<ScaledSquare>(x, 5.0);
  EXPECT_EQ(values(y), (V{45}));
  y.backward();
  EXPECT_EQ(values(x.grad()), (V{30}));
}

TEST(Function, CanBeDifferentiatedAgain) {
  const auto function = [](const std::vector<Tensor>& in) {
    return std::vector{apply_function<ScaledSquare>(in[0], 3.0)};
  };
  gradcheck(function, {leaf64({1, -2})});
  gradgradcheck(function, {leaf64({1, -2})});
}

struct Inverse {  // saves its output
  Tensor forward(FunctionContext& context, const Tensor& x) {
    const Tensor y = 1 / x;
    context.save({y});
    return y;
  }
  std::vector<Tensor> backward(FunctionContext& context, const std::vector<Tensor>& grads) {
    const Tensor y = context.saved()[0];
    return {-(grads[0] * y * y)};
  }
};

TEST(Function, MaySaveItsOutput) {
  const auto function = [](const std::vector<Tensor>& in) { return std::vector{apply_function<Inverse>(in[0])}; };
  gradgradcheck(function, {leaf64({1, -2})});
  Probe probe;
  {
    Tensor x = probe.make(2).set_requires_grad();
    apply_function<Inverse>(x);  // no cycle
  }
  EXPECT_EQ(probe.alive(), 0);
}

struct SplitSigns {
  std::vector<Tensor> forward(FunctionContext& context, const Tensor& a, int, const Tensor& b) {
    const Tensor rounded = (a + b).detach();
    context.mark_non_differentiable(rounded);
    return {a * 2, b * 3, rounded};
  }
  std::vector<Tensor> backward(FunctionContext& context, const std::vector<Tensor>& grads) {
    EXPECT_EQ(grads.size(), 3u);
    EXPECT_TRUE(grads[1].defined());  // zeros where nothing arrived
    EXPECT_FALSE(context.needs_input_grad(1));
    return {grads[0] * 2, Tensor()};
  }
};

TEST(Function, SeveralArgumentsAndResults) {
  Tensor a = leaf({1}), b = tensor({2});
  const auto outputs = apply_function<SplitSigns>(a, 7, b);
  EXPECT_TRUE(outputs[0].requires_grad());
  EXPECT_FALSE(outputs[2].requires_grad());
  outputs[0].backward();
  EXPECT_EQ(values(a.grad()), (V{2}));
}

struct WrongCount {
  Tensor forward(FunctionContext&, const Tensor& a) { return a * 1; }
  std::vector<Tensor> backward(FunctionContext&, const std::vector<Tensor>& grads) { return {grads[0], grads[0]}; }
};
struct WrongShape {
  Tensor forward(FunctionContext&, const Tensor& a) { return a * 1; }
  std::vector<Tensor> backward(FunctionContext&, const std::vector<Tensor>&) { return {tensor({1, 2, 3})}; }
};
struct WrongFormula {
  Tensor forward(FunctionContext& context, const Tensor& a) {
    context.save({a});
    return a * a;
  }
  std::vector<Tensor> backward(FunctionContext& context, const std::vector<Tensor>& grads) {
    return {grads[0] * context.saved()[0] * 3};
  }
};

TEST(Function, ErrorsNameIt) {
  Tensor x = leaf({1, 2});
  EXPECT_EQ(error_of<AutogradError>([&] { apply_function<WrongCount>(x).backward(tensor({1, 1})); }),
            "custom_function: backward must return a gradient for each of the 1 tensor arguments, got 2");
  EXPECT_EQ(error_of<ShapeError>([&] { apply_function<WrongShape>(x).backward(tensor({1, 1})); }),
            "custom_function: backward, for tensor argument 0, must return a gradient of shape [2], got f32 [3] cpu");
  const Tensor y = apply_function<ScaledSquare>(x, 1.0);
  y.backward(tensor({1, 1}));
  EXPECT_THROW(y.backward(tensor({1, 1})), AutogradError);
}

struct AddOne {
  Tensor forward(FunctionContext& context, const Tensor& x) {
    Tensor y = x;
    y.add_(1);
    context.mark_dirty(x);
    return y;
  }
  std::vector<Tensor> backward(FunctionContext&, const std::vector<Tensor>& grads) { return {grads[0]}; }
};
struct Identity {
  Tensor forward(FunctionContext&, const Tensor& x) { return x; }
  std::vector<Tensor> backward(FunctionContext&, const std::vector<Tensor>& grads) { return {grads[0] * 7}; }
};

TEST(Function, MayChangeItsArgumentOrHandItBack) {
  Tensor x = leaf({1});
  Tensor h = x * 2;
  const Tensor y = apply_function<AddOne>(h);
  EXPECT_TRUE(y.is_same(h));
  EXPECT_EQ(values(h), (V{3}));
  apply_function<Identity>(h).backward();
  EXPECT_EQ(values(x.grad()), (V{14}));
}

TEST(Gradcheck, NamesTheElementThatIsWrong) {
  const auto function = [](const std::vector<Tensor>& in) {
    return std::vector{in[0] * 1, apply_function<WrongFormula>(in[0])};
  };
  try {
    gradcheck(function, {leaf64({1, 2})});
    FAIL();
  } catch (const GradcheckError& error) {
    EXPECT_EQ(error.output, 1u);
    EXPECT_EQ(error.input, 0u);
    EXPECT_EQ(error.output_element, 0);
    EXPECT_EQ(error.input_element, 0);
    EXPECT_EQ(error.analytic, 3);
    EXPECT_NEAR(error.numeric, 2, 1e-6);
    EXPECT_NE(std::string(error.what()).find("(element 0 of output 1 by element 0 of input 0)"), std::string::npos);
  }
  EXPECT_EQ(error_of<ValueError>([] { gradcheck([](const auto& in) { return in; }, {tensor({1})}); }),
            "gradcheck: some input must be f64 and require a gradient, got none");
  EXPECT_EQ(error_of<AutogradError>([] {
              gradcheck([](const std::vector<Tensor>& in) { return std::vector{in[0].detach()}; }, {leaf64({1})});
            }),
            "gradcheck: some output must require a gradient, got none");
}

// --- recompute()

// x -> several steps with intermediates; `weight` is captured, not passed.
Tensor block(const Tensor& x, const Tensor& weight) {
  Tensor h = x * weight;
  h = h * h + x;
  return h * weight * 0.5;
}

TEST(Checkpoint, GradientsAreTheSameBitsIncludingCapturedWeights) {
  Tensor x = leaf({0.3, -1.7}), w = leaf({1.1, 0.9});
  block(block(x, w), w).backward(tensor({1, 1}));
  const V gx = values(x.grad()), gw = values(w.grad());
  x.set_grad({});
  w.set_grad({});
  const auto layer = [&](const Tensor& h) { return block(h, w); };
  recompute(layer, recompute(layer, x)).backward(tensor({1, 1}));
  EXPECT_EQ(values(x.grad()), gx);
  EXPECT_EQ(values(w.grad()), gw);
}

TEST(Checkpoint, KeepsOnlyItsInputs) {
  Probe probe;
  Tensor w = leaf({2});
  int runs = 0;
  const auto layer = [&](const Tensor& h) {
    ++runs;
    const Tensor constant = probe.make(3);
    return h * w * constant * w;
  };
  const Tensor y = recompute(layer, leaf({1}));
  EXPECT_EQ(probe.alive(), 0);
  y.backward();
  EXPECT_EQ(probe.alive(), 0);
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(values(w.grad()), (V{12}));
}

TEST(Checkpoint, WorksForGradAndHigherOrders) {
  Tensor w = leaf64({1.5, -0.5});
  const auto function = [](const std::vector<Tensor>& in) {
    return std::vector{recompute([&](const Tensor& h) { return block(h, in[1]) * in[1]; }, in[0])};
  };
  gradcheck(function, {leaf64({0.4, 2}), w});
  gradgradcheck(function, {leaf64({0.4, 2}), w});
}

TEST(Checkpoint, Nests) {
  Tensor w = leaf64({1.5, -0.5});
  int inner_runs = 0;
  const auto inner = [&](const Tensor& h) {
    ++inner_runs;
    return block(h, w);
  };
  const auto outer = [&](const Tensor& h) { return recompute(inner, recompute(inner, h * h) * w); };
  Tensor x = leaf64({0.4, 2});
  block(block(x * x, w) * w, w).backward(tensor({1, 1}, {.dtype = DType::f64}));
  const V gx = values(x.grad()), gw = values(w.grad());
  x.set_grad({});
  w.set_grad({});
  recompute(outer, x).backward(tensor({1, 1}, {.dtype = DType::f64}));
  EXPECT_EQ(values(x.grad()), gx);
  EXPECT_EQ(values(w.grad()), gw);
  EXPECT_EQ(inner_runs, 6);  // at first, within the outer rerun, and each for its own backward
  gradgradcheck([&](const std::vector<Tensor>& in) { return std::vector{recompute(outer, in[0])}; }, {x});
}

TEST(Checkpoint, RandomNumbersComeOutTheSame) {
  Tensor x = ones({64}).set_requires_grad();
  const auto layer = [](const Tensor& h) { return dropout(h * 2, 0.5, true) * h; };
  manual_seed(3);
  layer(x).sum().backward();
  const V expected = values(x.grad());
  x.set_grad({});
  manual_seed(3);
  const Tensor y = recompute(layer, x).sum();
  const Tensor drawn_between = rand({4});
  const auto before = default_generator().state();
  y.backward();
  EXPECT_EQ(values(x.grad()), expected);
  EXPECT_EQ(default_generator().state().offset, before.offset);  // backward drew nothing
}

TEST(Checkpoint, SomethingElseTheSecondTimeIsAnError) {
  Tensor x = leaf({1, 2}), w = leaf({1, 1});
  int runs = 0;
  const auto count = [&](const Tensor& h) { return runs++ ? h * w : h * w * w; };
  EXPECT_EQ(error_of<AutogradError>([&] { recompute(count, x).backward(tensor({1, 1})); }),
            "recompute: the function must do the same when it runs again, got 2 tensors saved for backward where there "
            "were 4");
  runs = 0;
  const auto shape = [&](const Tensor& h) { return (runs++ ? h.narrow(0, 0, 1) * 1 : h * 1) * w; };
  EXPECT_EQ(error_of<AutogradError>([&] { recompute(shape, x).backward(tensor({1, 1})); }),
            "recompute: the function must do the same when it runs again, got f32 [1] cpu where f32 [2] was saved");
  Tensor h = x * 1;
  const Tensor y = recompute([&](const Tensor& t) { return t * w; }, h);
  h.add_(1);
  EXPECT_THROW(y.backward(tensor({1, 1})), AutogradError);
}

TEST(Checkpoint, ErrorsInTheSecondRunLeaveNothingBehind) {
  Probe probe;
  for (int i = 0; i < 20; ++i) {
    Tensor x = probe.make(1).set_requires_grad();
    int runs = 0;
    const Tensor y = recompute(
        [&](const Tensor& h) {
          const Tensor c = h * probe.make(2);
          if (runs++) fail<ValueError>("stop");
          return c * c;
        },
        x);
    EXPECT_THROW(y.backward(), ValueError);
  }
  EXPECT_EQ(probe.alive(), 0);
}

TEST(Checkpoint, RetainedGraphsWalkAgain) {
  Tensor x = leaf({3}), w = leaf({2});
  const Tensor y = recompute([&](const Tensor& h) { return h * h * w; }, x);
  y.backward({}, {.retain_graph = true});
  y.backward();
  EXPECT_EQ(values(x.grad()), (V{24}));
  EXPECT_EQ(values(w.grad()), (V{18}));
}

TEST(StaleViews, ReachFunctionsWithTheirHistory) {
  const auto changed_part = [](const Tensor& x) {
    const Tensor y = x * 1;
    Tensor v = y[0];
    v.mul_(3);
    return v;
  };
  Tensor x = leaf({2, 5});
  apply_function<ScaledSquare>(changed_part(x), 1.0).backward();
  EXPECT_EQ(values(x.grad()), (V{36, 0}));
  x.set_grad({});
  recompute([](const Tensor& v) { return v * v; }, changed_part(x)).backward();
  EXPECT_EQ(values(x.grad()), (V{36, 0}));
  gradcheck([&](const std::vector<Tensor>& in) { return std::vector{changed_part(in[0])}; }, {leaf64({1, 2})});
}

}  // namespace
}  // namespace farro
