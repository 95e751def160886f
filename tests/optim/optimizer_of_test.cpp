// SPDX-License-Identifier: Apache-2.0
// Optimizers of any states and options: those written with tensor operations beside their formulas, one that asks for
// the loss several times, and what the list of options answers for.
#include <farro/autograd/engine/engine.h>
#include <farro/autograd/node/grad_mode.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/pointwise/arithmetic.h>
#include <farro/optim/clip/clip.h>
#include <farro/optim/optimizers/adagrad.h>
#include <farro/optim/optimizers/adam.h>
#include <farro/optim/optimizers/rmsprop.h>
#include <farro/optim/optimizers/sgd.h>
#include <farro/optim/schedule/schedule.h>

#include <gmock/gmock.h>

#include <cmath>

namespace farro::optim {
namespace {

using ::testing::DoubleNear;
using ::testing::HasSubstr;
using ::testing::Pointwise;

Tensor parameter(std::vector<double> values) { return tensor(values).set_requires_grad(); }
std::vector<double> values(const Tensor& t) { return t.to_vector<double>(); }

std::string error_of(const std::function<void()>& run) {
  try {
    run();
  } catch (const ValueError& error) {
    return error.what();
  }
  return "no error";
}

double gradient(int step, size_t k) { return std::sin(double(step) * 1.7 + double(k)) + 0.1; }

// Ten steps beside `plain(k, p, g)`, which keeps its own states.
template <class Plain>
void expect_follows(Optimizer& optimizer, Tensor p, Plain plain) {
  std::vector<double> expected = values(p);
  for (int step = 0; step < 10; ++step) {
    std::vector<double> grad;
    for (size_t k = 0; k < expected.size(); ++k) {
      grad.push_back(gradient(step, k));
      expected[k] = plain(k, expected[k], grad[k]);
    }
    p.set_grad(tensor(grad));
    optimizer.step();
    ASSERT_THAT(values(p), Pointwise(DoubleNear(1e-12), expected)) << "step " << step;
  }
}

TEST(RMSprop, FollowsTheFormula) {
  for (const RMSpropOptions& o :
       {RMSpropOptions{}, RMSpropOptions{.lr = 0.1, .alpha = 0.9, .weight_decay = 0.1, .momentum = 0.8},
        RMSpropOptions{.lr = 0.05, .centered = true},
        RMSpropOptions{.momentum = 0.5, .centered = true, .maximize = true}}) {
    Tensor p = parameter({1, -2, 3});
    RMSprop rmsprop({p}, o);
    std::vector<double> v(3), m(3), b(3);
    expect_follows(rmsprop, p, [&](size_t k, double x, double g) {
      g = (o.maximize ? -g : g) + o.weight_decay * x;
      v[k] = o.alpha * v[k] + (1 - o.alpha) * g * g;
      m[k] = o.alpha * m[k] + (1 - o.alpha) * g;
      g /= std::sqrt(o.centered ? v[k] - m[k] * m[k] : v[k]) + o.eps;
      if (o.momentum > 0) g = b[k] = o.momentum * b[k] + g;
      return x - o.lr * g;
    });
  }
}

TEST(Adagrad, FollowsTheFormula) {
  for (const AdagradOptions& o :
       {AdagradOptions{},
        AdagradOptions{.lr = 0.1, .lr_decay = 0.2, .weight_decay = 0.1, .initial_accumulator_value = 0.5},
        AdagradOptions{.maximize = true}}) {
    Tensor p = parameter({1, -2, 3});
    Adagrad adagrad({p}, o);
    std::vector<double> s(3, o.initial_accumulator_value), steps(3);
    expect_follows(adagrad, p, [&](size_t k, double x, double g) {
      g = (o.maximize ? -g : g) + o.weight_decay * x;
      s[k] += g * g;
      return x - o.lr / (1 + steps[k]++ * o.lr_decay) * g / (std::sqrt(s[k]) + o.eps);
    });
  }
}

TEST(RMSprop, ResumesAndTakesStatesThatComeIntoUse) {
  const auto train = [](Optimizer& optimizer, Tensor p, int from, int to) {
    for (int step = from; step < to; ++step) {
      p.set_grad(tensor(std::vector<double>{gradient(step, 0), gradient(step, 1)}));
      optimizer.step();
    }
  };
  Tensor whole = parameter({1, 2}), parts = parameter({1, 2});
  RMSprop a({whole}, {.lr = 0.1, .momentum = 0.9}), b({parts}, {.lr = 0.1, .momentum = 0.9});
  train(a, whole, 0, 6);
  train(b, parts, 0, 3);
  const StateDict saved = b.state_dict().clone();
  EXPECT_NE(saved.find("state.0.momentum_buffer"), nullptr);
  EXPECT_EQ(saved.find("state.0.grad_avg"), nullptr);
  RMSprop resumed({parts});
  resumed.load_state_dict(saved);
  train(resumed, parts, 3, 6);
  EXPECT_EQ(values(whole), values(parts));
  resumed.set("centered", 1);
  train(resumed, parts, 6, 8);
  EXPECT_TRUE(resumed.state_dict().contains("state.0.grad_avg"));
}

TEST(Adam, AmsgradMayComeLater) {
  Tensor p = parameter({1, 2});
  Adam adam({p}, {.lr = 0.1});
  p.set_grad(tensor(std::vector<double>{1, 1}));
  adam.step();
  adam.set("amsgrad", 1);
  adam.step();
  EXPECT_EQ(values(adam.state_dict().at("state.0.max_exp_avg_sq")), values(adam.state_dict().at("state.0.exp_avg_sq")));
}

// --- L-BFGS (Nocedal 1980) with four states of two shapes, which asks for the loss several times in a step

struct LbfgsOptions {
  double lr = 1;
  int64_t max_iter = 20;
  int64_t history_size = 5;
};

class Lbfgs final : public OptimizerOf<LbfgsOptions> {
 public:
  explicit Lbfgs(std::vector<Tensor> params, const LbfgsOptions& o = {}) : OptimizerOf(info(), std::move(params), o) {}

 private:
  static const Info& info() {
    using O = LbfgsOptions;
    static const Info info{.name = "LBFGS",
                           .options = {{"lr", &O::lr, Range::positive},
                                       {"max_iter", &O::max_iter, Range::positive},
                                       {"history_size", &O::history_size, Range::positive}},
                           .states = {{"old_steps"}, {"old_grad_changes"}, {"last_step"}, {"last_grad"}}};
    return info;
  }
  Tensor new_state(const LbfgsOptions& o, size_t state, const Tensor& param) const override {
    if (state >= 2) return zero_state(param);
    Shape sizes{o.history_size};
    for (const int64_t size : param.sizes()) sizes.push_back(size);
    return zeros(sizes, {.dtype = DType::f64});
  }
  Tensor step_with(const Closure& closure) override {
    Tensor loss;
    for (int64_t i = 0; i < options().max_iter; ++i) {
      const Tensor now = Optimizer::step_with(closure);
      if (i == 0) loss = now;
    }
    return loss;
  }

  static double dot(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
    double out = 0;
    for (size_t i = 0; i < a.size(); ++i) out += (a[i] * b[i]).sum().item();
    return out;
  }
  void update(const LbfgsOptions& o, const Batch& batch) override {
    const no_grad guard;
    const size_t count = batch.params.size();
    const auto row = [&](size_t state, int64_t at) {
      std::vector<Tensor> out;
      for (size_t i = 0; i < count; ++i) out.push_back(batch.states[state][i][at % o.history_size]);
      return out;
    };
    const int64_t pairs = batch.step - 1;  // made so far
    if (pairs > 0)
      for (size_t i = 0; i < count; ++i) {
        const int64_t at = (pairs - 1) % o.history_size;
        batch.states[0][i][at].copy_(batch.states[2][i]);
        batch.states[1][i][at].copy_(batch.grads[i] - batch.states[3][i]);
      }
    std::vector<Tensor> q;
    for (const Tensor& grad : batch.grads) q.push_back(grad.clone());
    const std::vector<Tensor> grads(batch.grads.begin(), batch.grads.end());
    if (dot(grads, grads) < 1e-24) return;
    std::vector<std::pair<int64_t, double>> alphas;
    for (int64_t at = pairs; at-- > std::max<int64_t>(0, pairs - o.history_size);) {
      const auto s = row(0, at), y = row(1, at);
      const double alpha = dot(s, q) / dot(s, y);
      alphas.emplace_back(at, alpha);
      for (size_t i = 0; i < count; ++i) q[i].sub_(y[i] * alpha);
    }
    double scale = std::min(1.0, 1 / std::sqrt(dot(grads, grads)));
    if (pairs > 0) scale = dot(row(0, pairs - 1), row(1, pairs - 1)) / dot(row(1, pairs - 1), row(1, pairs - 1));
    for (Tensor& each : q) each.mul_(scale);
    for (; !alphas.empty(); alphas.erase(alphas.begin() + std::ptrdiff_t(alphas.size()) - 1)) {
      const auto [at, alpha] = alphas.back();
      const auto s = row(0, at), y = row(1, at);
      const double beta = dot(y, q) / dot(s, y);
      for (size_t i = 0; i < count; ++i) q[i].add_(s[i] * (alpha - beta));
    }
    for (size_t i = 0; i < count; ++i) {
      Tensor(batch.states[2][i]).copy_(q[i] * -o.lr);
      Tensor(batch.states[3][i]).copy_(batch.grads[i]);
      Tensor(batch.params[i]).add_(batch.states[2][i]);
    }
  }
};

TEST(Lbfgs, ReachesTheMinimumOfAQuadraticWithAClosure) {
  const DefaultDTypeGuard guard(DType::f64);
  Tensor a = parameter({3, -2, 5}), b = parameter({4});
  const Tensor scale = tensor(std::vector<double>{1, 4, 9}), aim = tensor(std::vector<double>{1, 2, 3});
  Lbfgs lbfgs({a, b});
  int calls = 0;
  const auto closure = [&] {
    ++calls;
    lbfgs.zero_grad();
    const Tensor off = a - aim, cross = a.narrow(0, 0, 1) - b;
    const Tensor loss = (off * off * scale).sum() + (cross * cross).sum();
    loss.backward();
    return loss.detach();
  };
  const no_grad outside;  // the closure needs a graph whatever the caller's mode
  EXPECT_EQ(lbfgs.step(closure).item(), 4 + 16 * 4 + 9 * 4 + 1);
  EXPECT_EQ(calls, 20);
  EXPECT_THAT(values(a), Pointwise(DoubleNear(1e-6), std::vector<double>{1, 2, 3}));
  EXPECT_NEAR(b.item(), 1, 1e-6);
  EXPECT_EQ(lbfgs.state_dict().at("state.0.old_steps").sizes(), (Shape{5, 3}));
  EXPECT_EQ(lbfgs.state_dict().at("state.1.last_grad").sizes(), (Shape{1}));
  EXPECT_EQ(error_of([&] { lbfgs.step(Closure()); }), "LBFGS: closure must be callable, got an empty function");
  // What depends on the options is read by the loaded ones.
  Lbfgs other({a, b}, {.history_size = 2});
  other.load_state_dict(lbfgs.state_dict().clone());
  EXPECT_EQ(other.option("history_size"), 5);
  StateDict state = lbfgs.state_dict();
  state.set_number("param_groups.0.history_size", 3);
  EXPECT_THAT(error_of([&] { other.load_state_dict(state); }),
              HasSubstr("load_state_dict: state.0.old_steps must have shape [3, 3], got f64 [5, 3] cpu"));
  state.set_number("param_groups.0.history_size", 2.5);
  EXPECT_EQ(error_of([&] { other.load_state_dict(state); }),
            "load_state_dict: param_groups.0.history_size must be a whole number, got 2.5");
  EXPECT_EQ(other.option("history_size"), 5);
}

TEST(Optimizer, AClosureGivesTheGradients) {
  Tensor p = parameter({2});
  SGD sgd({p}, {.lr = 0.5});
  const Tensor loss = sgd.step([&] {
    sgd.zero_grad();
    const Tensor out = (p * p).sum();
    out.backward();
    return out;
  });
  EXPECT_EQ(loss.item(), 4);
  EXPECT_EQ(p.item(), 0);
}

TEST(Optimizer, ParametersAreThoseOfAllGroups) {
  Tensor a = parameter({0, 0}), b = parameter({0});
  SGD sgd(std::vector<ParamGroup<SGDOptions>>{{{a}, {}}, {{b}, {}}});
  a.set_grad(tensor(std::vector<double>{3, 0}));
  b.set_grad(tensor(std::vector<double>{4}));
  EXPECT_EQ(sgd.parameters().size(), 2u);
  EXPECT_EQ(clip_grad_norm_(sgd.parameters(), 1).item(), 5);
  EXPECT_NEAR(b.grad().item(), 0.8, 1e-6);
}

TEST(Optimizer, OptionsAreFoundByNameAndCheckedInOnePlace) {
  const Tensor p = parameter({1});
  SGD sgd({p}, {.lr = 0.1, .momentum = 0.9, .nesterov = true});
  EXPECT_EQ(sgd.option("momentum"), 0.9);
  sgd.set("weight_decay", 0.5);
  EXPECT_EQ(sgd.options().weight_decay, 0.5);
  EXPECT_EQ(error_of([&] { sgd.set("lr", -1); }), "SGD: lr must be at least 0, got -1");
  EXPECT_EQ(error_of([&] { sgd.set("dampening", INFINITY); }), "SGD: dampening must be finite, got inf");
  EXPECT_EQ(error_of([&] { sgd.set("maximize", 0.5); }), "SGD: maximize must be 0 or 1, got 0.5");
  EXPECT_THAT(error_of([&] { sgd.set_momentum(0); }), HasSubstr("SGD: nesterov must have momentum above 0"));
  EXPECT_EQ(error_of([&] { sgd.set("beta1", 0); }),
            "SGD: option must be one of lr, momentum, dampening, weight_decay, nesterov, maximize, got 'beta1'");
  EXPECT_EQ(sgd.momentum(), 0.9);
  Adam adam({p});
  EXPECT_EQ(error_of([&] { adam.set("beta2", 1); }), "Adam: beta2 must be in [0, 1), got 1");
  EXPECT_EQ(error_of([&] { adam.set("decoupled_weight_decay", 1); }),
            "Adam: decoupled_weight_decay cannot be set, got 1");
  EXPECT_EQ(error_of([&] { Adagrad({p}, {.eps = -1}); }), "Adagrad: eps must be at least 0, got -1");
  EXPECT_EQ(AdamW({p}).option("weight_decay"), 1e-2);
  std::string names;
  for (const Setting& setting : adam.settings()) names += str(setting.name, " ");
  EXPECT_EQ(names, "lr beta1 beta2 eps weight_decay amsgrad maximize decoupled_weight_decay ");
}

TEST(Schedule, MomentumNeedsAnOptimizerWithOne) {
  Adagrad adagrad({parameter({1})}, {.lr = 2});
  EXPECT_FALSE(adagrad.has_momentum());
  Scheduler plain(adagrad, exponential_lr(0.5));
  plain.step();
  EXPECT_EQ(adagrad.lr(), 1);
  EXPECT_THAT(error_of([&] { Scheduler(adagrad, one_cycle_lr({.max_lr = 1, .total_steps = 10})); }),
              HasSubstr("Adagrad: option must be one of lr, lr_decay"));
  EXPECT_EQ(adagrad.lr(), 1);
}

}  // namespace
}  // namespace farro::optim
