// SPDX-License-Identifier: Apache-2.0
// Optimizers against their formulas in double, state dicts, clipping, schedules.
#include <farro/core/parallel/parallel.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/pointwise/arithmetic.h>
#include <farro/kernels/random/random.h>
#include <farro/optim/clip/clip.h>
#include <farro/optim/optimizers/adam.h>
#include <farro/optim/optimizers/sgd.h>
#include <farro/optim/schedule/schedule.h>

#include <gmock/gmock.h>

#include <cmath>

namespace farro::optim {
namespace {

using ::testing::DoubleNear;
using ::testing::Pointwise;

Tensor parameter(std::vector<double> values) { return tensor(values).set_requires_grad(); }

std::vector<double> values(const Tensor& t) { return t.to_vector<double>(); }

// The plain formulas, one number at a time.
struct PlainSgd {
  SGDOptions o;
  double buffer = 0;
  int64_t steps = 0;
  double operator()(double p, double g) {
    g += o.weight_decay * p;
    if (o.momentum != 0) {
      buffer = steps++ == 0 ? g : o.momentum * buffer + (1 - o.dampening) * g;
      g = o.nesterov ? g + o.momentum * buffer : buffer;
    }
    return p - o.lr * g;
  }
};

struct PlainAdam {
  AdamOptions o;
  bool decoupled = false;
  double m = 0, v = 0, most = 0;
  int64_t steps = 0;
  double operator()(double p, double g) {
    ++steps;
    if (decoupled)
      p -= o.lr * o.weight_decay * p;
    else
      g += o.weight_decay * p;
    m = o.beta1 * m + (1 - o.beta1) * g;
    v = o.beta2 * v + (1 - o.beta2) * g * g;
    most = std::max(most, v);
    const double m_hat = m / (1 - std::pow(o.beta1, steps)),
                 v_hat = (o.amsgrad ? most : v) / (1 - std::pow(o.beta2, steps));
    return p - o.lr * m_hat / (std::sqrt(v_hat) + o.eps);
  }
};

// Ten steps with gradients that change sign, beside the plain formula.
template <class Plain>
void expect_follows(Optimizer& optimizer, std::vector<Tensor> params, const Plain& plain) {
  std::vector<std::vector<Plain>> states;
  std::vector<std::vector<double>> expected;
  for (const Tensor& p : params) {
    states.emplace_back(static_cast<size_t>(p.numel()), plain);
    expected.push_back(values(p));
  }
  for (int step = 0; step < 10; ++step) {
    for (size_t i = 0; i < params.size(); ++i) {
      std::vector<double> grad(expected[i].size());
      for (size_t k = 0; k < grad.size(); ++k) {
        grad[k] = std::sin(double(step) * 1.7 + double(k)) + 0.1;
        expected[i][k] = states[i][k](expected[i][k], grad[k]);
      }
      params[i].set_grad(tensor(grad));
    }
    optimizer.step();
  }
  for (size_t i = 0; i < params.size(); ++i) EXPECT_THAT(values(params[i]), Pointwise(DoubleNear(1e-12), expected[i]));
}

TEST(SGD, FollowsTheFormula) {
  for (const SGDOptions& o : {SGDOptions{.lr = 0.1}, SGDOptions{.lr = 0.1, .weight_decay = 0.05},
                              SGDOptions{.lr = 0.1, .momentum = 0.9, .dampening = 0.3, .weight_decay = 0.05},
                              SGDOptions{.lr = 0.1, .momentum = 0.9, .nesterov = true}}) {
    std::vector<Tensor> params{parameter({1, -2, 3}), parameter({0.5})};
    SGD sgd(params, o);
    expect_follows(sgd, params, PlainSgd{o});
  }
}

TEST(Adam, FollowsTheFormula) {
  for (const AdamOptions& o : {AdamOptions{}, AdamOptions{.lr = 0.1, .beta1 = 0.8, .weight_decay = 0.1},
                               AdamOptions{.lr = 0.1, .amsgrad = true}}) {
    std::vector<Tensor> params{parameter({1, -2, 3}), parameter({0.5})};
    Adam adam(params, o);
    expect_follows(adam, params, PlainAdam{o});
  }
}

TEST(AdamW, DecaysTheParameterItself) {
  std::vector<Tensor> params{parameter({1, -2, 3})};
  AdamW adamw(params, {.lr = 0.1});
  expect_follows(adamw, params, PlainAdam{{.lr = 0.1, .weight_decay = 1e-2}, true});
}

TEST(Optimizer, AParameterWithoutGradientStaysAndKeepsItsCount) {
  std::vector<Tensor> params{parameter({1}), parameter({1})};
  Adam adam(params, {.lr = 0.1});
  PlainAdam first{{.lr = 0.1}}, second{{.lr = 0.1}};
  double a = 1, b = 1;
  for (int step = 0; step < 4; ++step) {
    adam.zero_grad();
    params[0].set_grad(tensor(std::vector<double>{0.3 * step + 1}));
    a = first(a, 0.3 * step + 1);
    if (step % 2 == 1) {
      params[1].set_grad(tensor(std::vector<double>{-1.0 - step}));
      b = second(b, -1.0 - step);
    }
    adam.step();
  }
  EXPECT_NEAR(params[0].item(), a, 1e-12);
  EXPECT_NEAR(params[1].item(), b, 1e-12);
}

TEST(Optimizer, GroupsHaveOptionsOfTheirOwn) {
  const Tensor a = parameter({1}), b = parameter({1});
  std::vector<ParamGroup<SGDOptions>> groups{{{a}, {.lr = 1}}, {{b}, {.lr = 10}}};
  SGD sgd(groups);
  Tensor(a).set_grad(tensor(std::vector<double>{1}));
  Tensor(b).set_grad(tensor(std::vector<double>{1}));
  sgd.set_lr(2, 0);
  sgd.step();
  EXPECT_EQ(a.item(), -1);
  EXPECT_EQ(b.item(), -9);
  EXPECT_THROW(sgd.lr(2), IndexError);
}

TEST(Optimizer, AGradientInAnotherLayoutIsTaken) {
  Tensor p = zeros({2, 3}).set_requires_grad();
  p.set_grad(tensor({1, 2, 3, 4, 5, 6}).view({3, 2}).t());
  SGD sgd({p}, {.lr = 1});
  sgd.step();
  EXPECT_EQ(values(p), (std::vector<double>{-1, -3, -5, -2, -4, -6}));
}

TEST(Optimizer, StepsBumpTheVersion) {
  Tensor p = tensor({2, 3}).set_requires_grad();
  const Tensor y = p * p;
  p.set_grad(tensor({1, 1}));
  SGD sgd({p}, {.lr = 1});
  sgd.step();
  EXPECT_THROW(y.backward(tensor({1, 1})), AutogradError);
}

TEST(Optimizer, ResumesFromItsState) {
  const auto train = [](Optimizer& optimizer, Tensor p, int from, int to) {
    for (int step = from; step < to; ++step) {
      p.set_grad(tensor(std::vector<double>{std::cos(step), std::sin(step)}));
      optimizer.step();
    }
  };
  Tensor whole = parameter({1, 2}), parts = parameter({1, 2});
  AdamW a({whole}, {.lr = 0.1}), b({parts}, {.lr = 0.1});
  train(a, whole, 0, 6);
  train(b, parts, 0, 3);
  const StateDict saved = b.state_dict().clone();
  AdamW resumed({parts}, {.lr = 77});
  resumed.load_state_dict(saved);
  train(resumed, parts, 3, 6);
  EXPECT_EQ(values(whole), values(parts));
  EXPECT_EQ(resumed.lr(), 0.1);
}

TEST(Optimizer, AStateThatDoesNotFitChangesNothing) {
  Tensor p = parameter({1, 2});
  p.set_grad(tensor(std::vector<double>{1, 1}));
  Adam adam({p}), other({parameter({1})});
  adam.step();
  EXPECT_THROW(other.load_state_dict(adam.state_dict()), ValueError);
  SGD sgd({parameter({1, 2})}, {.lr = 3});
  try {
    sgd.load_state_dict(adam.state_dict());
    FAIL();
  } catch (const ValueError& error) {
    EXPECT_STREQ(
        error.what(),
        "load_state_dict: state must be that of SGD with 1 groups and 1 parameters, got 'param_groups.0.beta1' "
        "(nearest: param_groups.0.lr)");
  }
  EXPECT_EQ(sgd.lr(), 3);
}

TEST(Optimizer, CountersOutOfRangeAreRefused) {
  Tensor p = parameter({1, 2});
  p.set_grad(tensor(std::vector<double>{1, 1}));
  Adam adam({p});
  adam.step();
  StateDict state = adam.state_dict().clone();
  Scheduler schedule(adam, linear_lr(0.5, 1, 2));
  StateDict progress = schedule.state_dict().clone();
  for (int64_t steps : {int64_t{-1}, INT64_MIN, int64_t{1} << 62, INT64_MAX}) {
    state.set_number("state.0.step", steps);
    EXPECT_THROW(adam.load_state_dict(state), ValueError) << steps;
    progress.set_number("step", steps);
    EXPECT_THROW(schedule.load_state_dict(progress), ValueError) << steps;
  }
  EXPECT_EQ(adam.state_dict().integer("state.0.step"), 1);
  EXPECT_EQ(schedule.state_dict().integer("step"), 0);
  EXPECT_THROW(sequential_lr({linear_lr(0.5, 1, 2), linear_lr(0.5, 1, 2)}, {INT64_MIN}), ValueError);
}

TEST(Optimizer, AStateOfAnotherKindIsRefused) {
  const auto error_of = [](Optimizer& optimizer, const StateDict& state) -> std::string {
    try {
      optimizer.load_state_dict(state);
    } catch (const ValueError& error) {
      return error.what();
    }
    return "no error";
  };
  Tensor p = parameter({1, 2});
  p.set_grad(tensor(std::vector<double>{1, 1}));
  Adam adam({p}, {.lr = 5});
  AdamW adamw({p});
  adamw.step();
  EXPECT_EQ(error_of(adam, adamw.state_dict()),
            "load_state_dict: decoupled_weight_decay must be 0 in a state of Adam, got 1");
  AdamW two({p, parameter({3})});
  EXPECT_EQ(error_of(two, adamw.state_dict()), "load_state_dict: group 0 must have 2 parameters, got 1");
  StateDict state = adamw.state_dict();
  state.set_number("state.0.step", int64_t{-5});
  EXPECT_EQ(error_of(adamw, state), "load_state_dict: state.0.step must be at least 1, got -5");
  StateDict cut;
  for (const auto& [name, tensor] : adamw.state_dict())
    if (name != "state.0.exp_avg_sq") cut.set(name, tensor);
  cut.set_number("param_groups.0.lr", 77.0);
  EXPECT_EQ(error_of(adamw, cut), "load_state_dict: state.0 must have both step and exp_avg_sq, got one of them");
  EXPECT_EQ(adamw.lr(), 1e-3);
  EXPECT_EQ(adam.lr(), 5);
}

// As in PyTorch the first gradient enters a new momentum buffer whole, whenever that is.
TEST(SGD, DampeningBeginsWithTheBuffer) {
  Tensor p = parameter({0});
  p.set_grad(tensor(std::vector<double>{1}));
  SGD sgd({p}, {.lr = 1, .dampening = 0.5});
  sgd.step();
  sgd.set_momentum(0.9);
  sgd.step();
  EXPECT_EQ(values(p), (std::vector<double>{-2}));
  sgd.step();
  EXPECT_EQ(values(p), (std::vector<double>{-2 - (0.9 + 0.5)}));
}

TEST(Optimizer, UnusableParametersAndOptionsAreErrors) {
  const Tensor p = parameter({1});
  EXPECT_THROW(SGD(std::vector<Tensor>{}, {}), ValueError);
  EXPECT_THROW(SGD({p, p}, {}), ValueError);
  EXPECT_THROW(SGD({p * 2}, {}), ValueError);
  EXPECT_THROW(SGD({p}, {.lr = -1}), ValueError);
  EXPECT_THROW(SGD({p}, {.nesterov = true}), ValueError);
  EXPECT_THROW(Adam({p}, {.beta1 = 1}), ValueError);
  SGD sgd({p});
  EXPECT_THROW(sgd.set_lr(-1), ValueError);
  EXPECT_THROW(sgd.set_lr(std::nan("")), ValueError);
  EXPECT_THROW(sgd.set_momentum(-1), ValueError);
  EXPECT_EQ(sgd.lr(), 1e-3);
}

TEST(Optimizer, ResultsDoNotDependOnThreads) {
  const int threads = num_threads();
  std::vector<std::vector<double>> results;
  for (int n : {1, 2, 3}) {
    set_num_threads(n);
    manual_seed(1);
    Tensor p = randn({100'003}).set_requires_grad(), q = randn({7, 9}).set_requires_grad();
    AdamW adam({p, q}, {.lr = 0.1});
    for (int step = 0; step < 3; ++step) {
      p.set_grad(randn({100'003}));
      q.set_grad(randn({7, 9}));
      clip_grad_norm_(adam.parameters(), 1);
      adam.step();
    }
    results.push_back(values(p));
  }
  set_num_threads(threads);
  EXPECT_EQ(results[0], results[1]);
  EXPECT_EQ(results[0], results[2]);
}

TEST(Clip, NormIsThatOfAllGradients) {
  Tensor a = parameter({0, 0}), b = parameter({0}), unused = parameter({0});
  a.set_grad(tensor(std::vector<double>{3, 0}));
  b.set_grad(tensor(std::vector<double>{4}));
  const std::vector<Tensor> params{a, b, unused};
  EXPECT_EQ(clip_grad_norm_(params, 10).item(), 5);
  EXPECT_EQ(a.grad()[0].item(), 3);
  EXPECT_EQ(clip_grad_norm_(params, 1).item(), 5);
  EXPECT_NEAR(b.grad().item(), 0.8, 1e-6);
  b.set_grad(tensor(std::vector<double>{NAN}));
  EXPECT_THROW(clip_grad_norm_(params, 1, {.error_if_nonfinite = true}), ValueError);
}

TEST(Clip, ValuesAreClamped) {
  Tensor p = parameter({0, 0, 0});
  p.set_grad(tensor(std::vector<double>{-3, 0.5, 7}));
  const std::vector<Tensor> params{p};
  clip_grad_value_(params, 1);
  EXPECT_EQ(values(p.grad()), (std::vector<double>{-1, 0.5, 1}));
  EXPECT_THROW(clip_grad_value_(params, -1), ValueError);
}

// Values of torch.optim.lr_scheduler (2.x), by its closed forms.
TEST(Schedule, FollowsPyTorch) {
  const auto lrs = [](const Schedule& schedule, int count) {
    std::vector<double> out;
    for (int step = 0; step < count; ++step) out.push_back(schedule(step, 1).lr);
    return out;
  };
  using V = std::vector<double>;
  EXPECT_THAT(lrs(step_lr(2, 0.1), 5), Pointwise(DoubleNear(1e-12), V{1, 1, 0.1, 0.1, 0.01}));
  EXPECT_THAT(lrs(multi_step_lr({1, 3}, 0.5), 5), Pointwise(DoubleNear(1e-12), V{1, 0.5, 0.5, 0.25, 0.25}));
  EXPECT_THAT(lrs(linear_lr(0.25, 1, 3), 5), Pointwise(DoubleNear(1e-12), V{0.25, 0.5, 0.75, 1, 1}));
  EXPECT_THAT(lrs(cosine_annealing_lr(4), 5),
              Pointwise(DoubleNear(1e-12), V{1, (1 + std::sqrt(0.5)) / 2, 0.5, (1 - std::sqrt(0.5)) / 2, 0}));
  EXPECT_THAT(lrs(sequential_lr({linear_lr(0.5, 1, 2), exponential_lr(0.1)}, {2}), 5),
              Pointwise(DoubleNear(1e-12), V{0.5, 0.75, 1, 0.1, 0.01}));
  EXPECT_THAT(lrs(chained_lr({linear_lr(0.5, 1, 2), exponential_lr(0.1)}), 4),
              Pointwise(DoubleNear(1e-12), V{0.5, 0.075, 0.01, 0.001}));
  EXPECT_THROW(one_cycle_lr({.max_lr = 1, .total_steps = 3, .div_factor = 0}), ValueError);
  const Schedule cycle = one_cycle_lr({.max_lr = 1, .total_steps = 10});
  EXPECT_THAT(lrs(cycle, 10), Pointwise(DoubleNear(1e-8), V{0.04, 0.52, 1, 0.950484632, 0.811745654, 0.611262022,
                                                            0.388741978, 0.188258346, 0.049519368, 4e-06}));
  EXPECT_NEAR(*cycle(0, 1).momentum, 0.95, 1e-12);
  EXPECT_NEAR(*cycle(2, 1).momentum, 0.85, 1e-12);
}

TEST(Schedule, SchedulerDrivesAndResumes) {
  const Tensor p = parameter({1});
  SGD sgd({p}, {.lr = 2});
  Scheduler schedule(sgd, linear_lr(0.5, 1, 2));
  EXPECT_EQ(sgd.lr(), 1);
  schedule.step();
  EXPECT_EQ(sgd.lr(), 1.5);
  SGD other({p}, {.lr = 5});
  Scheduler resumed(other, linear_lr(0.5, 1, 2));
  resumed.load_state_dict(schedule.state_dict());
  EXPECT_EQ(other.lr(), 1.5);
  resumed.step();
  EXPECT_EQ(other.lr(), 2);
}

}  // namespace
}  // namespace farro::optim
