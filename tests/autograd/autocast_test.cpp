// SPDX-License-Identifier: Apache-2.0
// Mixed precision: what each class of op computes in, when weights are cast, and what backward sees of it.
#include <farro/autograd/call/autocast.h>
#include <farro/autograd/function/function.h>
#include <farro/core/op/call_listener.h>
#include <farro/core/op/op_table.h>
#include <farro/farro.h>

#include <farro/tests/autograd/support.h>

#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>

namespace farro {
namespace {

using namespace testing_support;

constexpr DType kHalves[] = {DType::bf16, DType::f16};

// Counts calls by op.
class Calls final : public CallListener {
 public:
  Calls() { add_call_listener(*this); }
  ~Calls() override { remove_call_listener(*this); }
  void begin(const CallEvent& event) noexcept override { ++count[event.name()]; }
  void end(const CallEvent&) noexcept override {}
  std::map<std::string, int> count;
};

double distance(const Tensor& got, const Tensor& want) {
  const V a = values(got.to(DType::f64)), b = values(want.to(DType::f64));
  double worst = 0, most = 0;
  for (size_t i = 0; i < b.size(); ++i) {
    worst = std::max(worst, std::abs(a.at(i) - b[i]));
    most = std::max(most, std::abs(b[i]));
  }
  return worst / most;
}

TEST(Autocast, EachClassHasItsPrecision) {
  for (const DType half : kHalves) {
    SCOPED_TRACE(str(half));
    const Tensor a = randn({4, 4}), b = randn({4, 4}).to(half), mask = ones({4, 4}, {.dtype = DType::boolean});
    const Tensor image = randn({1, 2, 5, 5}), filter = randn({3, 2, 3, 3});
    const autocast scope(half);
    EXPECT_TRUE(autocast_enabled());
    EXPECT_EQ(autocast_dtype(), half);
    EXPECT_EQ(matmul(a, b).dtype(), half);
    EXPECT_EQ(matmul(a, a).dtype(), half);
    EXPECT_EQ(linear(a, b, randn({4})).dtype(), half);
    EXPECT_EQ(conv2d(image, filter).dtype(), half);
    for (const Tensor& full :
         {exp(b), log(abs(b)), softmax(b, 1), sum(b), mean(b), var(b), cumsum(b, 0), pow(abs(b), 2.5),
          layer_norm(b, {4}), cross_entropy(b, zeros({4}, {.dtype = DType::i64})), mse_loss(b, b)})
      EXPECT_EQ(full.dtype(), DType::f32);
    EXPECT_EQ(mse_loss(a, b).dtype(), DType::f32);
    EXPECT_EQ((a + b).dtype(), DType::f32);
    EXPECT_EQ((b * b).dtype(), half);
    EXPECT_EQ(where(mask, a, b).dtype(), DType::f32);
    EXPECT_EQ(cat({a, b}, 0).dtype(), DType::f32);
    EXPECT_EQ(stack({b, a}, 0).dtype(), DType::f32);
    EXPECT_EQ(cat({b, b}, 0).dtype(), half);
    EXPECT_EQ(relu(b).dtype(), half);
    EXPECT_EQ(relu(a).dtype(), DType::f32);
    EXPECT_EQ(b.clone().dtype(), half);
    EXPECT_EQ(b.transpose(0, 1).dtype(), half);
    EXPECT_EQ(a.to(half).dtype(), half);
    EXPECT_EQ(dropout(b, 0.5, true).dtype(), half);
  }
  EXPECT_FALSE(autocast_enabled());
}

TEST(Autocast, TheOtherHalfTypeIsCastToo) {
  const Tensor a = randn({4, 4}).to(DType::f16), b = randn({4, 4}).to(DType::bf16);
  const autocast scope(DType::bf16);
  EXPECT_EQ(matmul(a, a).dtype(), DType::bf16);
  EXPECT_EQ(matmul(a, b).dtype(), DType::bf16);
  EXPECT_EQ(cat({a, b}, 0).dtype(), DType::f32);
}

TEST(Autocast, DoublesAndIntegersStay) {
  const Tensor a = randn({4, 4}, {.dtype = DType::f64}), n = ones({4, 4}, {.dtype = DType::i64});
  const autocast scope(DType::bf16);
  EXPECT_EQ(matmul(a, a).dtype(), DType::f64);
  EXPECT_EQ(softmax(a, 1).dtype(), DType::f64);
  EXPECT_EQ(matmul(n, n).dtype(), DType::i64);
  EXPECT_EQ(sum(n).dtype(), DType::i64);
  EXPECT_EQ(cat({a, randn({1, 4}).to(DType::bf16)}, 0).dtype(), DType::f64);
  EXPECT_EQ((randn({4}).to(DType::bf16) * 2.0).dtype(), DType::bf16);
}

TEST(Autocast, NumbersOfHalfTypesAreWidenedForFullOpsAlone) {
  const Tensor number = tensor({0.5}).reshape({}), half = number.to(DType::bf16), list = randn({3}).to(DType::bf16);
  const autocast scope(DType::bf16);
  EXPECT_EQ(exp(half).dtype(), DType::f32);
  EXPECT_EQ(exp(number.to(DType::f64)).dtype(), DType::f64);
  EXPECT_EQ(exp(list).dtype(), DType::f32);
  EXPECT_EQ((list * number).dtype(), DType::bf16);  // as without a scope
  EXPECT_EQ(pow(list, number.to(DType::f64)).dtype(), DType::f32);
}

TEST(Autocast, InPlaceOperationsAndViewsAreNotCast) {
  Tensor a = randn({4, 4}), b = randn({4, 4}).to(DType::bf16);
  const autocast scope(DType::bf16);
  a.add_(b);
  EXPECT_EQ(a.dtype(), DType::f32);
  b.mul_(2.0);
  EXPECT_EQ(b.dtype(), DType::bf16);
  EXPECT_EQ(a.view({16}).dtype(), DType::f32);
  b.copy_(a);
  EXPECT_EQ(b.dtype(), DType::bf16);
}

TEST(Autocast, NestedScopesAndThreads) {
  const Tensor a = randn({4, 4});
  const autocast outer(DType::bf16);
  EXPECT_EQ(matmul(a, a).dtype(), DType::bf16);
  {
    const autocast off(DType::bf16, false);
    EXPECT_FALSE(autocast_enabled());
    EXPECT_EQ(matmul(a, a).dtype(), DType::f32);
    const autocast inner(DType::f16);
    EXPECT_EQ(matmul(a, a).dtype(), DType::f16);
  }
  EXPECT_EQ(matmul(a, a).dtype(), DType::bf16);
  DType seen = DType::bf16;
  std::thread([&] { seen = matmul(a, a).dtype(); }).join();
  EXPECT_EQ(seen, DType::f32);
  try {
    const autocast inner(DType::f16);
    matmul(a, randn({3, 3}));
    FAIL();
  } catch (const ShapeError&) {
  }
  EXPECT_EQ(matmul(a, a).dtype(), DType::bf16);
  {
    const no_grad guard;
    EXPECT_EQ(matmul(a, a).dtype(), DType::bf16);
  }
  EXPECT_EQ(matmul(a, a).dtype(), DType::bf16);
}

TEST(Autocast, ScopesOnTheHeapMayEndInAnyOrder) {
  const Tensor w = randn({4, 4}).set_requires_grad();
  auto first = std::make_unique<autocast>(DType::bf16), second = std::make_unique<autocast>(DType::f16);
  first.reset();
  matmul(w, w);
  second.reset();
  matmul(w, w);
}

TEST(Autocast, RefusesOtherTypes) {
  for (const DType dtype : {DType::f32, DType::f64, DType::i64, DType::boolean})
    EXPECT_EQ(error_of<ValueError>([&] { autocast scope(dtype); }),
              str("autocast: dtype must be bf16 or f16, got ", dtype));
  EXPECT_FALSE(autocast_enabled());
}

TEST(Autocast, AWeightIsCastOnceUntilItChanges) {
  const Tensor x = randn({2, 4}).to(DType::bf16);
  Tensor w = randn({4, 4}).set_requires_grad();
  const auto casts = [&] {
    const Calls calls;
    for (int i = 0; i < 3; ++i) linear(x, w);
    return calls.count.contains("copy") ? calls.count.at("copy") : 0;
  };
  {
    const autocast scope(DType::bf16);
    EXPECT_EQ(casts(), 1);
    EXPECT_EQ(casts(), 0);
    {
      const no_grad guard;
      EXPECT_EQ(casts(), 1);
      w.add_(1.0);
    }  // without a history
    EXPECT_EQ(casts(), 1);
    EXPECT_LT(distance(linear(x, w), linear(x.to(DType::f32), w)), 0.02);
  }
  const autocast scope(DType::bf16);
  EXPECT_EQ(casts(), 1);
}

TEST(Autocast, SeveralBackwardsInOneScopeAddUp) {
  const Tensor x = randn({8, 4}), w = randn({4, 4}).set_requires_grad();
  V once;
  {
    const autocast scope(DType::bf16);
    linear(x, w).sum().backward();
    once = values(w.grad());
    linear(x, w).sum().backward();
  }
  const V twice = values(w.grad());
  for (size_t i = 0; i < once.size(); ++i) EXPECT_EQ(twice[i], 2 * once[i]);
}

struct Net : nn::Module {
  nn::Conv2d conv{*this, "conv", {.in_channels = 1, .out_channels = 4, .kernel_size = 3, .padding = 1}};
  nn::BatchNorm2d norm{*this, "norm", {.num_features = 4}};
  nn::Linear fc{*this, "fc", {.in_features = 4 * 8 * 8, .out_features = 5}};
  Tensor forward(const Tensor& x) override { return fc(relu(norm(conv(x))).flatten(1)); }
};

TEST(Autocast, GradientsArriveInTheParametersTypeAndAreRight) {
  for (const DType half : kHalves) {
    manual_seed(3);
    Net net;
    const Tensor x = randn({16, 1, 8, 8}), labels = randint(0, 5, {16});
    const auto run = [&](bool cast) {
      for (Tensor p : net.parameters()) p.set_grad(Tensor());
      Tensor loss;
      {
        const autocast scope(half, cast);
        loss = cross_entropy(net(x), labels);
      }
      EXPECT_EQ(loss.dtype(), DType::f32);
      loss.backward();
      std::vector<Tensor> grads;
      for (const Tensor& p : net.parameters()) grads.push_back(p.grad().clone());
      return grads;
    };
    const auto want = run(false), got = run(true);
    for (size_t i = 0; i < want.size(); ++i) {
      EXPECT_EQ(got[i].dtype(), DType::f32);
      if (i == 1) continue;  // a bias before a norm: its gradient is zero but for rounding
      EXPECT_LT(distance(got[i], want[i]), half == DType::bf16 ? 0.06 : 0.01) << i;
    }
  }
}

TEST(Autocast, BackwardCastsNothing) {
  const Tensor x = randn({4, 4});
  Tensor w = randn({4, 4}).set_requires_grad();
  const autocast scope(DType::bf16);
  const Tensor a = exp(x * w);  // all f32
  a.sum().backward();
  EXPECT_EQ(w.grad().dtype(), DType::f32);
  Tensor direct;
  w.set_grad(Tensor());
  {
    const autocast off(DType::bf16, false);
    matmul(x, w).sum().backward();
    direct = w.grad().clone();
    w.set_grad(Tensor());
  }
  Tensor y;
  {
    const autocast off(DType::bf16, false);
    y = matmul(x, w).sum();
  }
  y.backward();  // in the scope, of a forward outside
  EXPECT_EQ(values(w.grad()), values(direct));
}

TEST(Autocast, GradientsOfGradients) {
  const auto second = [](bool cast) {
    manual_seed(7);
    const Tensor x = randn({6, 6}), w = (randn({6, 6}) * 0.5).set_requires_grad();
    const autocast scope(DType::bf16, cast);
    const Tensor y = square(tanh(matmul(x, w)).to(DType::f32)).sum();
    const Tensor g = grad(y, w, {.create_graph = true});
    EXPECT_EQ(g.dtype(), DType::f32);
    square(g).sum().backward();
    EXPECT_EQ(w.grad().dtype(), DType::f32);
    return w.grad();
  };
  EXPECT_LT(distance(second(true), second(false)), 0.05);
}

struct Scale {
  Tensor forward(FunctionContext& context, const Tensor& x, const Tensor& w) {
    context.save({x, w});
    const Tensor y = matmul(x, w);
    EXPECT_EQ(y.dtype(), DType::bf16);
    return y;
  }
  std::vector<Tensor> backward(FunctionContext& context, const std::vector<Tensor>& grads) {
    EXPECT_FALSE(autocast_enabled());
    const Tensor g = grads[0].to(DType::f32);
    return {matmul(g, context.saved()[1].transpose(0, 1)), matmul(context.saved()[0].transpose(0, 1), g)};
  }
};

TEST(Autocast, CustomFunctions) {
  const Tensor x = randn({4, 4}), w = randn({4, 4}).set_requires_grad();
  const autocast scope(DType::bf16);
  apply_function<Scale>(x, w).sum().backward();
  EXPECT_EQ(w.grad().dtype(), DType::f32);
  EXPECT_LT(distance(w.grad(), x.sum({0}).unsqueeze(1).expand({4, 4})), 0.02);
}

TEST(Autocast, RecurrentAndAttentionLayers) {
  struct Recurrent : nn::Module {
    nn::LSTM lstm{*this, "lstm", {.input_size = 4, .hidden_size = 4}};
    Tensor forward(const Tensor& x) override { return lstm(x).output; }
  } lstm;
  const Tensor q = randn({1, 2, 4, 8}).set_requires_grad();
  const autocast scope(DType::bf16);
  const Tensor out = lstm(randn({3, 2, 4}));
  out.to(DType::f32).sum().backward();
  for (const Tensor& p : lstm.parameters()) EXPECT_EQ(p.grad().dtype(), DType::f32);
  const Tensor y = scaled_dot_product_attention(q, q, q);
  EXPECT_EQ(y.dtype(), DType::bf16);
  y.sum().backward();
  EXPECT_EQ(q.grad().dtype(), DType::f32);
}

TEST(Autocast, SummaryAndOptimizer) {
  Net net;
  optim::AdamW adamw(net.parameters(), {});
  const autocast scope(DType::bf16);
  EXPECT_NE(to_string(nn::summary(net, {2, 1, 8, 8})).find("fc"), std::string::npos);
  for (int i = 0; i < 2; ++i) {
    adamw.zero_grad();
    cross_entropy(net(randn({4, 1, 8, 8})), randint(0, 5, {4})).backward();
    optim::clip_grad_norm_(adamw.parameters(), 1.0);
    adamw.step();
  }
  for (const Tensor& p : net.parameters()) EXPECT_EQ(p.dtype(), DType::f32);
}

// Ops that only move, make or count elements, or change parameters, are left alone.
TEST(Autocast, ClassesOfAllOps) {
  const std::map<Autocast, std::vector<std::string>> want{
      {Autocast::half,
       {"matmul", "linear", "conv", "conv_backward_data", "conv_backward_filter", "scaled_dot_product_attention"}},
      {Autocast::full,
       {"exp",      "log",        "pow",           "pow_scalar", "softmax",  "log_softmax", "layer_norm",
        "rms_norm", "batch_norm", "cross_entropy", "nll_loss",   "mse_loss", "l1_loss",     "sum",
        "mean",     "var",        "norm",          "logsumexp",  "prod",     "cumsum",      "softplus"}},
      {Autocast::promote,
       {"add", "mul", "where", "cat", "maximum", "scatter_add", "index_add", "index_put", "relu", "eq"}},
      {Autocast::none,
       {"copy",    "copy_into", "fill",     "uniform",   "normal",       "dropout",           "view",
        "permute", "expand",    "slice",    "gather",    "index",        "index_select",      "one_hot",
        "sort",    "argmax",    "sgd_step", "adam_step", "clip_by_norm", "multi_tensor_norm", "embedding"}}};
  std::map<std::string, Autocast> found;
  for (const OpEntry& op : all_ops()) found[op.info().name] = op.info().autocast;
  for (const auto& [autocast_class, names] : want)
    for (const std::string& name : names) {
      ASSERT_TRUE(found.contains(name)) << name;
      EXPECT_EQ(found[name], autocast_class) << name;
    }
}

}  // namespace
}  // namespace farro
