// SPDX-License-Identifier: Apache-2.0
// What fails changes nothing: steps, schedules, states that are loaded.
#include <farro/core/storage/cpu_allocator.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/pointwise/arithmetic.h>
#include <farro/optim/clip/clip.h>
#include <farro/optim/optimizers/adam.h>
#include <farro/optim/optimizers/sgd.h>
#include <farro/optim/schedule/schedule.h>

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <memory>

namespace farro::optim {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN(), kInf = std::numeric_limits<double>::infinity();

Tensor parameter(std::vector<double> values) { return tensor(values).set_requires_grad(); }

std::vector<std::vector<double>> numbers(const StateDict& state) {
  std::vector<std::vector<double>> out;
  for (const auto& [name, tensor] : state) out.push_back(tensor.to_vector<double>());
  return out;
}

// While it lives the process may grow by so many bytes.
class MemoryLimit {
 public:
  explicit MemoryLimit(size_t more) {
    empty_cpu_cache();
    std::ifstream file("/proc/self/statm");
    size_t pages = 0;
    file >> pages;
    ::getrlimit(RLIMIT_AS, &before_);
    const rlimit limit{pages * 4096 + more, before_.rlim_max};
    ::setrlimit(RLIMIT_AS, &limit);
  }
  ~MemoryLimit() { ::setrlimit(RLIMIT_AS, &before_); }

 private:
  rlimit before_;
};

template <class Make>
void expect_survives_no_memory(Make&& make, double expected) {
  if (kBypassCaches) GTEST_SKIP() << "a sanitizer needs the address space";
  std::vector<Tensor> params;
  for (int i = 0; i < 4; ++i) params.push_back(zeros({8 << 20}).set_requires_grad());
  auto optimizer = make(params);
  for (Tensor& p : params) p.set_grad(full(p.sizes(), 100.0));
  {
    const MemoryLimit limit(100 << 20);
    for (int i = 0; i < 3; ++i) {
      try {
        optimizer->step();
        FAIL() << "no error";
      } catch (const OutOfMemoryError& error) {
        EXPECT_THAT(error.what(), testing::HasSubstr("limit"));
      }
    }
  }
  EXPECT_FALSE(optimizer->state_dict().contains("state.0.step"));
  optimizer->zero_grad();
  for (Tensor& p : params) p.set_grad(full(p.sizes(), 1.0));
  optimizer->step();
  for (const Tensor& p : params) {
    EXPECT_NEAR(p[0].item(), expected, 1e-6);
    EXPECT_NEAR(p[(8 << 20) - 1].item(), expected, 1e-6);
  }
}

TEST(StrongGuarantee, SgdStepsOnAfterOutOfMemory) {
  expect_survives_no_memory(
      [](const std::vector<Tensor>& p) { return std::make_unique<SGD>(p, SGDOptions{.lr = 1, .momentum = 0.9}); }, -1);
}

TEST(StrongGuarantee, AdamStepsOnAfterOutOfMemory) {
  expect_survives_no_memory(
      [](const std::vector<Tensor>& p) { return std::make_unique<Adam>(p, AdamOptions{.lr = 1}); }, -1);
}

TEST(StrongGuarantee, AGroupThatCannotStepStopsTheOthers) {
  Tensor good = parameter({1, 2}), bad = tensor(std::vector<double>{1, 2, 3, 4}).slice(0, 0, 4, 2).detach();
  bad.set_requires_grad();
  for (Tensor* p : {&good, &bad}) p->set_grad(ones({2}, {.dtype = DType::f64}));
  SGD sgd(std::vector<ParamGroup<SGDOptions>>{{{good}, {.lr = 1}}, {{bad}, {.lr = 1}}});
  EXPECT_THROW(sgd.step(), ValueError);
  EXPECT_EQ(good.to_vector<double>(), (std::vector<double>{1, 2}));
}

TEST(StrongGuarantee, AStateWithNumbersOutOfRangeIsRefused) {
  Tensor p = parameter({1});
  p.set_grad(ones({1}, {.dtype = DType::f64}));
  Adam adam({p});
  SGD sgd({p}, {.lr = 0.5, .momentum = 0.9, .nesterov = true});
  adam.step();
  sgd.step();
  const auto expect_refused = [](Optimizer& optimizer, const char* key, double value) {
    const StateDict before = optimizer.state_dict().clone();
    StateDict state = before.clone();
    state.set_number("param_groups.0.lr", 0.25);
    state.set_number(key, value);
    EXPECT_THROW(optimizer.load_state_dict(state), ValueError) << key << " " << value;
    EXPECT_EQ(numbers(optimizer.state_dict()), numbers(before)) << key << " " << value;
  };
  for (const char* key : {"lr", "eps", "weight_decay"})
    for (const double value : {kNan, kInf, -1.0}) expect_refused(adam, str("param_groups.0.", key).c_str(), value);
  for (const char* key : {"beta1", "beta2"})
    for (const double value : {kNan, -0.1, 1.0, 7.0}) expect_refused(adam, str("param_groups.0.", key).c_str(), value);
  for (const char* key : {"amsgrad", "maximize"})
    for (const double value : {kNan, 2.0, -1.0, 0.5}) expect_refused(adam, str("param_groups.0.", key).c_str(), value);
  for (const double value : {kNan, 1.5, 0.0, -1.0, kInf, 0x1p63, 0x1p60}) expect_refused(adam, "state.0.step", value);
  for (const double value : {kNan, 1.5, 2.0}) expect_refused(adam, "param_groups.0.num_params", value);
  for (const char* key : {"lr", "momentum", "weight_decay", "dampening"})
    for (const double value : {kNan, kInf}) expect_refused(sgd, str("param_groups.0.", key).c_str(), value);
  expect_refused(sgd, "param_groups.0.dampening", 0.1);  // nesterov has none
  expect_refused(sgd, "param_groups.0.momentum", 0);
  StateDict integers = adam.state_dict().clone();
  integers.set("state.0.exp_avg", ones({1}, {.dtype = DType::i64}));
  EXPECT_THROW(adam.load_state_dict(integers), ValueError);
}

TEST(StrongGuarantee, SetMomentumTakesWhatTheConstructorTakes) {
  Adam adam({parameter({1})});
  EXPECT_THROW(adam.set_momentum(1), ValueError);
  EXPECT_EQ(adam.momentum(), 0.9);
  SGD sgd({parameter({1})}, {.momentum = 0.9, .nesterov = true});
  EXPECT_THROW(sgd.set_momentum(0), ValueError);
  EXPECT_EQ(sgd.momentum(), 0.9);
}

TEST(StrongGuarantee, ASchedulesStepIsWholeOrNothing) {
  SGD sgd(std::vector<ParamGroup<SGDOptions>>{{{parameter({1})}, {.lr = 1}}, {{parameter({1})}, {.lr = 2}}});
  const Schedule fails_for_two = [](int64_t step, double base) {
    return Rates{step > 0 && base == 2 ? kNan : base / 2};
  };
  Scheduler schedule(sgd, fails_for_two);
  for (int i = 0; i < 2; ++i) EXPECT_THROW(schedule.step(), ValueError);
  EXPECT_EQ(schedule.step_count(), 0);
  EXPECT_EQ(sgd.lr(0), 0.5);
  EXPECT_EQ(sgd.lr(1), 1);
  EXPECT_THROW(Scheduler(sgd, nullptr), ValueError);
  EXPECT_THROW(chained_lr({nullptr}), ValueError);
  EXPECT_THROW(sequential_lr({exponential_lr(1), nullptr}, {1}), ValueError);
  EXPECT_THROW(exponential_lr(kNan), ValueError);
}

TEST(StrongGuarantee, AScheduleRefusesNumbersOfNoRun) {
  SGD sgd({parameter({1})}, {.lr = 1});
  Scheduler schedule(sgd, exponential_lr(0.5));
  schedule.step();
  const auto expect_refused = [&](const StateDict& state) {
    EXPECT_THROW(schedule.load_state_dict(state), ValueError);
    EXPECT_EQ(schedule.step_count(), 1);
    EXPECT_EQ(sgd.lr(), 0.5);
  };
  for (const double step : {kNan, -1.0, 0.5, 0x1p70}) {
    StateDict state = schedule.state_dict();
    state.set_number("step", step);
    expect_refused(state);
  }
  for (const double lr : {kNan, kInf, -1.0}) {
    StateDict state = schedule.state_dict();
    state.set("base_lrs", tensor(std::vector<double>{lr}));
    expect_refused(state);
  }
}

TEST(StrongGuarantee, ClippingChangesAllGradientsOrNone) {
  Tensor a = parameter({0, 0}), b = parameter({0, 0});
  a.set_grad(full({2}, 5.0, {.dtype = DType::f64}));
  b.set_grad(full({1}, 5.0, {.dtype = DType::f64}).expand({2}));
  const std::vector<Tensor> params{a, b};
  EXPECT_THROW(clip_grad_value_(params, 1), ValueError);
  EXPECT_EQ(a.grad()[0].item(), 5);
}

}  // namespace
}  // namespace farro::optim
