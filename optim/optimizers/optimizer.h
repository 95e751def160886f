// SPDX-License-Identifier: Apache-2.0
// What all optimizers share: groups of parameters with options of their own, states that appear with a parameter's
// first gradient, and state dicts. How to write one: optimizer_of.h. It brings update(), which is called once for all
// parameters of a group (for parameters that missed steps, once for each step count), so that a step can cost one
// kernel whatever the number of parameters. Invariant: states[k][i] belongs to params[i].
#pragma once

#include <farro/core/api.h>
#include <farro/core/state/state_dict.h>
#include <farro/optim/optimizers/settings.h>

#include <functional>
#include <vector>

namespace farro::optim {

template <class Options>
struct ParamGroup {
  std::vector<Tensor> params;
  Options options = {};
};

// Computes the loss and its gradients, which it first clears: zero_grad(), loss, backward().
using Closure = std::function<Tensor()>;

class FARRO_API Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  // Changes every parameter that has a gradient. All that a step needs is checked and allocated before the first of
  // them changes: one that throws has changed nothing, and the next goes on as if it had not been.
  void step();
  // The same with the gradients that `closure` computes, as often as the optimizer asks: most call it once. The loss of
  // the first call. ValueError for an empty function.
  Tensor step(const Closure& closure);
  void zero_grad(bool set_to_none = true);

  size_t num_groups() const noexcept { return groups_.size(); }
  // Of all groups, in their order: what clip_grad_norm_() takes.
  std::vector<Tensor> parameters() const;
  // Of one group. IndexError unless group < num_groups().
  const std::vector<Tensor>& params(size_t group = 0) const& { return group_at(group).params; }
  std::vector<Tensor> params(size_t group = 0) && { return group_at(group).params; }

  // All options of a group.
  const Settings& settings(size_t group = 0) const& { return group_at(group).settings; }
  Settings settings(size_t group = 0) && { return group_at(group).settings; }
  bool has(std::string_view option) const noexcept { return find(groups_[0].settings, option) != nullptr; }
  // ValueError where the optimizer has no such option.
  double option(std::string_view name, size_t group = 0) const;
  // ValueError (and no change) also for what the constructor would refuse.
  void set(std::string_view name, double value, size_t group = 0);

  double lr(size_t group = 0) const { return option("lr", group); }
  void set_lr(double lr, size_t group = 0) { set("lr", lr, group); }
  // The option "momentum", else "beta1": what a one-cycle schedule turns down while the learning rate is up.
  double momentum(size_t group = 0) const { return option(momentum_name(), group); }
  void set_momentum(double momentum, size_t group = 0) { set(momentum_name(), momentum, group); }
  bool has_momentum() const noexcept { return has("momentum") || has("beta1"); }

  // PyTorch's term: from now on the learning rate and the step counts live in 0-dim tensors (f64 and i64) on the
  // parameters' device. Kernels read them, set_lr(), set() and schedules write the rate, and a step counts by a kernel,
  // so that a recorded step (core/op/recorder.h) goes on counting when it is replayed, with the rate of the moment. The
  // values are those of the ordinary form to the bit, and state dicts are the same; reading the counts for one waits
  // for the device. Other options, momentum among them, stay numbers that a recording repeats. What a recording
  // repeats depends on which parameters have gradients, and on SGD's first step where it dampens: record the second
  // step. load_state_dict() and another set_capturable() give the optimizer new tensors: record again after them.
  // ValueError for an optimizer without such a form; DeviceError where a group's device is gone.
  void set_capturable(bool capturable = true);
  bool capturable() const noexcept { return capturable_; }

  // Options of all groups under "param_groups.<g>.<option>", states under "state.<i>.<name>" with the parameters
  // counted through all groups, in PyTorch's names. The tensors share storage with the optimizer.
  StateDict state_dict() const;
  // ValueError (and no change) unless it is the state of an optimizer of this kind with the same groups and parameter
  // shapes, and its options are such as the constructor takes.
  void load_state_dict(const StateDict& state);

 protected:
  struct BareGroup {
    std::vector<Tensor> params;
    Settings settings;
  };
  // ValueError for an empty group list, an undefined, repeated, non-leaf or non-floating parameter.
  Optimizer(const char* name, std::vector<const char*> state_names, std::vector<BareGroup> groups);

  // Parameters of one group that have a gradient and have made the same number of steps; `step` counts this one.
  struct Batch {
    TensorList params;
    TensorList grads;
    std::vector<TensorList> states;  // one list for each state of the optimizer, empty where it is not in use
    int64_t step;
    bool new_states;  // all states in use are those of a first step
    // Of the capturable form, where they stand in place of the option lr and of `step`; else undefined.
    Tensor lr_tensor = {};
    Tensor step_tensor = {};
  };
  // Zeros like the parameter, f64 beside f64 and f32 otherwise: squares of small gradients vanish in f16.
  static Tensor zero_state(const Tensor& param);

  // What OptimizerOf answers for the optimizer.
  enum class StateUse : uint8_t { none, optional, needed };
  virtual void update_group(size_t group, const Batch& batch) = 0;
  virtual void check(const Settings& settings) const = 0;
  virtual StateUse use_of(const Settings& settings, size_t state) const = 0;
  virtual bool can_be_capturable() const noexcept = 0;
  virtual Tensor new_state_of(const Settings& settings, size_t state, const Tensor& param) const = 0;
  // For optimizers that evaluate the loss several times.
  virtual Tensor step_with(const Closure& closure);

 private:
  friend Tensor digest(const Optimizer& optimizer);
  struct Group {
    std::vector<Tensor> params;
    Settings settings;
    std::vector<std::vector<Tensor>> states;  // [state][parameter]
    std::vector<int64_t> steps;               // of the ordinary form
    // Of the capturable form. Parameters that have always made their steps together share a count; undefined before
    // their first.
    Tensor lr;
    std::vector<Tensor> counts;
  };
  const Group& group_at(size_t group) const;
  size_t checked(size_t group) const;
  const char* momentum_name() const noexcept { return has("momentum") ? "momentum" : "beta1"; }
  const Setting& setting_at(std::string_view name, size_t group) const;
  // What a step will do with the parameters that are alike, made ready before anything changes.
  struct Planned;
  void plan_group(size_t index, std::vector<Planned>& out) const;
  static void make_tensors(Group& group);
  static std::vector<int64_t> steps_of(const Group& group);
  static void write_lr(Group& group);
  void own_count(Planned& planned) const;
  void fill_states(Planned& planned, const std::vector<bool>& used) const;
  void run(Planned& planned);
  void read_settings(const StateDict& state, std::vector<Group>& groups) const;
  void read_states(const StateDict& state, std::vector<Group>& groups) const;
  void check_names(const StateDict& state) const;
  void check_complete(const std::vector<Group>& groups) const;

  const char* name_;
  std::vector<const char*> state_names_;
  std::vector<Group> groups_;
  bool capturable_ = false;
};

// farro::digest() of the parameters, gradients and states of all groups, in this order for each parameter. DeviceError
// where they are on several devices.
FARRO_API Tensor digest(const Optimizer& optimizer);

}  // namespace farro::optim
