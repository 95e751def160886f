// SPDX-License-Identifier: Apache-2.0
// Learning rates as functions of the step: schedules have no state of their own, so that resuming needs the step alone.
#include <farro/optim/schedule/schedule.h>

#include <farro/kernels/memory/factories.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace farro::optim {

namespace {

void check_steps(const char* schedule, int64_t steps) {
  FARRO_CHECK(steps >= 1, ValueError, schedule, ": number of steps must be at least 1, got ", steps);
}

void check_schedule(const char* op, const Schedule& schedule) {
  FARRO_CHECK(schedule, ValueError, op, ": schedule must be callable, got an empty function");
}

void check_finite(const char* schedule, const char* option, double value) {
  FARRO_CHECK(std::isfinite(value), ValueError, schedule, ": ", option, " must be finite, got ", value);
}

// From `start` to `end` along half a cosine, t in [0, 1].
double along_cosine(double start, double end, double t) {
  // Loshchilov and Hutter 2017 (SGDR), equation 5.
  return end + (start - end) / 2 * (1 + std::cos(std::numbers::pi * t));
}

}  // namespace

Schedule step_lr(int64_t step_size, double gamma) {
  check_steps("step_lr", step_size);
  check_finite("step_lr", "gamma", gamma);
  return [=](int64_t step, double base) { return Rates{base * std::pow(gamma, double(step / step_size))}; };
}

Schedule multi_step_lr(std::vector<int64_t> milestones, double gamma) {
  check_finite("multi_step_lr", "gamma", gamma);
  return [milestones = std::move(milestones), gamma](int64_t step, double base) {
    const auto reached = std::count_if(milestones.begin(), milestones.end(), [&](int64_t m) { return step >= m; });
    return Rates{base * std::pow(gamma, double(reached))};
  };
}

Schedule exponential_lr(double gamma) {
  check_finite("exponential_lr", "gamma", gamma);
  return [=](int64_t step, double base) { return Rates{base * std::pow(gamma, double(step))}; };
}

Schedule linear_lr(double start_factor, double end_factor, int64_t total_steps) {
  check_steps("linear_lr", total_steps);
  check_finite("linear_lr", "start_factor", start_factor);
  check_finite("linear_lr", "end_factor", end_factor);
  return [=](int64_t step, double base) {
    const double t = double(std::min(step, total_steps)) / double(total_steps);
    return Rates{base * (start_factor + (end_factor - start_factor) * t)};
  };
}

Schedule cosine_annealing_lr(int64_t total_steps, double eta_min) {
  check_steps("cosine_annealing_lr", total_steps);
  check_finite("cosine_annealing_lr", "eta_min", eta_min);
  return [=](int64_t step, double base) {
    return Rates{along_cosine(base, eta_min, double(std::min(step, total_steps)) / double(total_steps))};
  };
}

Schedule one_cycle_lr(const OneCycleOptions& o) {
  check_steps("one_cycle_lr", o.total_steps);
  FARRO_CHECK(o.max_lr > 0, ValueError, "one_cycle_lr: max_lr must be positive, got ", o.max_lr);
  check_finite("one_cycle_lr", "max_lr", o.max_lr);
  if (o.cycle_momentum) {
    check_finite("one_cycle_lr", "base_momentum", o.base_momentum);
    check_finite("one_cycle_lr", "max_momentum", o.max_momentum);
  }
  FARRO_CHECK(o.pct_start >= 0 && o.pct_start <= 1, ValueError, "one_cycle_lr: pct_start must be in [0, 1], got ",
              o.pct_start);
  FARRO_CHECK(o.div_factor > 0 && o.final_div_factor > 0, ValueError,
              "one_cycle_lr: div_factor and final_div_factor must be positive, got ", o.div_factor, " and ",
              o.final_div_factor);
  const double initial = o.max_lr / o.div_factor, last = initial / o.final_div_factor;
  // PyTorch's bounds: the rise ends at step pct_start * total - 1, the fall at total - 1 (Smith and Topin 2017).
  const double peak = o.pct_start * double(o.total_steps) - 1, end = double(o.total_steps - 1);
  return [=](int64_t step, double) {
    const double at = std::min(double(step), end);
    const bool rising = at <= peak;
    // A cycle without a rise (or a fall) is at its end from the start.
    const double t = rising ? (peak > 0 ? at / peak : 1) : (end > peak ? (at - peak) / (end - peak) : 1);
    Rates rates{rising ? along_cosine(initial, o.max_lr, t) : along_cosine(o.max_lr, last, t)};
    if (o.cycle_momentum)
      rates.momentum =
          rising ? along_cosine(o.max_momentum, o.base_momentum, t) : along_cosine(o.base_momentum, o.max_momentum, t);
    return rates;
  };
}

Schedule sequential_lr(std::vector<Schedule> schedules, std::vector<int64_t> milestones) {
  FARRO_CHECK(!schedules.empty() && milestones.size() + 1 == schedules.size(), ValueError,
              "sequential_lr: milestones must be one fewer than the schedules, got ", milestones.size(), " for ",
              schedules.size());
  FARRO_CHECK(std::is_sorted(milestones.begin(), milestones.end()), ValueError,
              "sequential_lr: milestones must ascend");
  for (const Schedule& schedule : schedules) check_schedule("sequential_lr", schedule);
  FARRO_CHECK(milestones.empty() || milestones[0] >= 0, ValueError,
              "sequential_lr: milestones must not be negative, got ", milestones[0]);
  return [schedules = std::move(schedules), milestones = std::move(milestones)](int64_t step, double base) {
    const auto i =
        static_cast<size_t>(std::upper_bound(milestones.begin(), milestones.end(), step) - milestones.begin());
    return schedules[i](i == 0 ? step : step - milestones[i - 1], base);
  };
}

Schedule chained_lr(std::vector<Schedule> schedules) {
  for (const Schedule& schedule : schedules) check_schedule("chained_lr", schedule);
  return [schedules = std::move(schedules)](int64_t step, double base) {
    // Each schedule gets what the one before made of the rate.
    Rates rates{base};
    for (const Schedule& schedule : schedules) {
      const Rates next = schedule(step, rates.lr);
      rates.lr = next.lr;
      if (next.momentum) rates.momentum = next.momentum;
    }
    return rates;
  };
}

Scheduler::Scheduler(Optimizer& optimizer, Schedule schedule) : optimizer_(optimizer), schedule_(std::move(schedule)) {
  check_schedule("Scheduler", schedule_);
  for (size_t g = 0; g < optimizer_.num_groups(); ++g) base_lrs_.push_back(optimizer_.lr(g));
  apply(0, base_lrs_);
}

void Scheduler::step() {
  FARRO_CHECK(step_ < INT64_MAX, ValueError, "Scheduler: step must stay below 2^63, got ", step_);
  apply(step_ + 1, base_lrs_);
  ++step_;
}

// All groups or, where a rate is refused, none.
void Scheduler::apply(int64_t step, const std::vector<double>& base_lrs) {
  std::vector<Rates> rates, before;
  for (size_t g = 0; g < base_lrs.size(); ++g) {
    // All rates are computed first: a schedule that throws leaves every group as it was.
    rates.push_back(schedule_(step, base_lrs[g]));
    before.push_back({optimizer_.lr(g)});
    if (optimizer_.has_momentum()) before.back().momentum = optimizer_.momentum(g);
  }
  size_t g = 0;
  const auto set = [&](const Rates& to) {
    optimizer_.set_lr(to.lr, g);
    if (to.momentum) optimizer_.set_momentum(*to.momentum, g);
  };
  try {
    for (; g < rates.size(); ++g) set(rates[g]);
  } catch (...) {
    for (g = std::min(g + 1, before.size()); g-- > 0;) set(before[g]);
    throw;
  }
}

StateDict Scheduler::state_dict() const {
  StateDict out;
  out.set_number("step", step_);
  out.set("base_lrs", tensor(base_lrs_));
  return out;
}

void Scheduler::load_state_dict(const StateDict& state) {
  const int64_t step = state.integer("step");
  FARRO_CHECK(step >= 0 && step < int64_t{1} << 62, ValueError,
              "load_state_dict: step must be at least 0 and below 2^62, got ", step);
  const Tensor& saved_lrs = state.at("base_lrs");
  FARRO_CHECK(saved_lrs.defined() && is_floating(saved_lrs.dtype()) && !saved_lrs.is_meta(), ValueError,
              "load_state_dict: base_lrs must be floating numbers, got ", saved_lrs);
  std::vector<double> base_lrs = saved_lrs.to_vector<double>();
  FARRO_CHECK(base_lrs.size() == base_lrs_.size(), ValueError, "load_state_dict: base_lrs must hold ", base_lrs_.size(),
              " numbers, one for each group, got ", base_lrs.size());
  FARRO_CHECK(step >= 0, ValueError, "load_state_dict: step must be at least 0, got ", step);
  for (const double lr : base_lrs)
    FARRO_CHECK(std::isfinite(lr) && lr >= 0, ValueError,
                "load_state_dict: base_lrs must be finite and at least 0, got ", lr);
  apply(step, base_lrs);
  step_ = step;
  base_lrs_ = std::move(base_lrs);
}

}  // namespace farro::optim
