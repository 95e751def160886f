// SPDX-License-Identifier: Apache-2.0
// Learning-rate schedules. A Schedule is a pure function of the step, so a resumed run continues exactly and schedules
// compose freely; a Scheduler applies one to an optimizer and counts the steps. Formulas are PyTorch's closed forms.
//
//     optim::Scheduler schedule(adamw, optim::one_cycle_lr({.max_lr = 0.01, .total_steps = 5 * loader.batches()}));
//     ... adamw.step(); schedule.step();
#pragma once

#include <farro/core/api.h>
#include <farro/optim/optimizers/optimizer.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

namespace farro::optim {

struct Rates {
  double lr;
  std::optional<double> momentum = {};  // absent: the optimizer keeps its own
};
// What to use for optimizer step number `step`, counted from 0, in a group whose own learning rate is `base_lr`.
using Schedule = std::function<Rates(int64_t step, double base_lr)>;

// base * gamma^floor(step / step_size).
FARRO_API Schedule step_lr(int64_t step_size, double gamma = 0.1);
// base * gamma^(number of milestones reached).
FARRO_API Schedule multi_step_lr(std::vector<int64_t> milestones, double gamma = 0.1);
// base * gamma^step.
FARRO_API Schedule exponential_lr(double gamma);
// base times a factor that goes from `start_factor` to `end_factor` in `total_steps` steps: a linear warm-up.
FARRO_API Schedule linear_lr(double start_factor, double end_factor, int64_t total_steps);
// Half a cosine from base to `eta_min` in `total_steps` steps, then eta_min (Loshchilov & Hutter 2017, one period).
FARRO_API Schedule cosine_annealing_lr(int64_t total_steps, double eta_min = 0);

struct OneCycleOptions {
  double max_lr = 0;
  int64_t total_steps = 0;
  double pct_start = 0.3;         // the part of the steps in which the rate rises
  double div_factor = 25;         // starts at max_lr / div_factor
  double final_div_factor = 1e4;  // ends at the start's rate / final_div_factor
  bool cycle_momentum = true;
  double base_momentum = 0.85;
  double max_momentum = 0.95;
};
// One rise and one fall, both along a cosine, momentum the other way round (Smith & Topin 2018). It ignores base_lr.
FARRO_API Schedule one_cycle_lr(const OneCycleOptions& options);

// The first schedule until the first milestone, then the second, and so on; each counts its own steps from 0.
// `milestones` are ascending and one fewer than the schedules.
FARRO_API Schedule sequential_lr(std::vector<Schedule> schedules, std::vector<int64_t> milestones);

// All at once: each schedule changes the learning rate that the ones before it give; the last momentum holds.
FARRO_API Schedule chained_lr(std::vector<Schedule> schedules);

// Sets the rates of every group of an optimizer, which must outlive it: at once those of step 0, with each step() those
// of the next. The groups' learning rates at construction are the base rates.
class FARRO_API Scheduler {
 public:
  // ValueError for an empty schedule, or rates that the optimizer refuses; then, as for step(), nothing has changed.
  Scheduler(Optimizer& optimizer, Schedule schedule);
  void step();
  int64_t step_count() const noexcept { return step_; }
  double lr(size_t group = 0) const { return optimizer_.lr(group); }

  // "step" and "base_lrs".
  StateDict state_dict() const;
  // Goes on from a saved step. ValueError (and no change) where the optimizer has another number of groups, or for
  // numbers that no run can have had.
  void load_state_dict(const StateDict& state);

 private:
  void apply(int64_t step, const std::vector<double>& base_lrs);

  Optimizer& optimizer_;
  Schedule schedule_;
  std::vector<double> base_lrs_;
  int64_t step_ = 0;
};

}  // namespace farro::optim
