#include <farro/optim/schedule/schedule.h>

#include <farro/kernels/pointwise/factories.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace farro::optim {

namespace {

void check_steps(const char* schedule, int64_t steps) {
  FARRO_CHECK(steps >= 1, ValueError, schedule, ": number of steps must be at least 1, got ", steps);
}

// From `start` to `end` along half a cosine, t in [0, 1].
double along_cosine(double start, double end, double t) {
  return end + (start - end) / 2 * (1 + std::cos(std::numbers::pi * t));
}

}  // namespace

Schedule step_lr(int64_t step_size, double gamma) {
  check_steps("step_lr", step_size);
  return [=](int64_t step, double base) { return Rates{base * std::pow(gamma, double(step / step_size))}; };
}

Schedule multi_step_lr(std::vector<int64_t> milestones, double gamma) {
  return [milestones = std::move(milestones), gamma](int64_t step, double base) {
    const auto reached = std::count_if(milestones.begin(), milestones.end(), [&](int64_t m) { return step >= m; });
    return Rates{base * std::pow(gamma, double(reached))};
  };
}

Schedule exponential_lr(double gamma) {
  return [=](int64_t step, double base) { return Rates{base * std::pow(gamma, double(step))}; };
}

Schedule linear_lr(double start_factor, double end_factor, int64_t total_steps) {
  check_steps("linear_lr", total_steps);
  return [=](int64_t step, double base) {
    const double t = double(std::min(step, total_steps)) / double(total_steps);
    return Rates{base * (start_factor + (end_factor - start_factor) * t)};
  };
}

Schedule cosine_annealing_lr(int64_t total_steps, double eta_min) {
  check_steps("cosine_annealing_lr", total_steps);
  return [=](int64_t step, double base) {
    return Rates{along_cosine(base, eta_min, double(std::min(step, total_steps)) / double(total_steps))};
  };
}

Schedule one_cycle_lr(const OneCycleOptions& o) {
  check_steps("one_cycle_lr", o.total_steps);
  FARRO_CHECK(o.max_lr > 0, ValueError, "one_cycle_lr: max_lr must be positive, got ", o.max_lr);
  FARRO_CHECK(o.pct_start >= 0 && o.pct_start <= 1, ValueError, "one_cycle_lr: pct_start must be in [0, 1], got ",
              o.pct_start);
  FARRO_CHECK(o.div_factor > 0 && o.final_div_factor > 0, ValueError,
              "one_cycle_lr: div_factor and final_div_factor must be positive, got ", o.div_factor, " and ",
              o.final_div_factor);
  const double initial = o.max_lr / o.div_factor, last = initial / o.final_div_factor;
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
  FARRO_CHECK(milestones.empty() || milestones[0] >= 0, ValueError, "sequential_lr: milestones must not be negative, got ",
              milestones[0]);
  return [schedules = std::move(schedules), milestones = std::move(milestones)](int64_t step, double base) {
    const auto i =
        static_cast<size_t>(std::upper_bound(milestones.begin(), milestones.end(), step) - milestones.begin());
    return schedules[i](i == 0 ? step : step - milestones[i - 1], base);
  };
}

Schedule chained_lr(std::vector<Schedule> schedules) {
  return [schedules = std::move(schedules)](int64_t step, double base) {
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
  for (size_t g = 0; g < optimizer_.num_groups(); ++g) base_lrs_.push_back(optimizer_.lr(g));
  apply();
}

void Scheduler::step() {
  ++step_;
  apply();
}

void Scheduler::apply() {
  for (size_t g = 0; g < base_lrs_.size(); ++g) {
    const Rates rates = schedule_(step_, base_lrs_[g]);
    optimizer_.set_lr(rates.lr, g);
    if (rates.momentum) optimizer_.set_momentum(*rates.momentum, g);
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
  std::vector<double> base_lrs = state.at("base_lrs").to_vector<double>();
  FARRO_CHECK(base_lrs.size() == base_lrs_.size(), ValueError, "load_state_dict: base_lrs must hold ", base_lrs_.size(),
              " numbers, one for each group, got ", base_lrs.size());
  step_ = step;
  base_lrs_ = std::move(base_lrs);
  apply();
}

}  // namespace farro::optim
