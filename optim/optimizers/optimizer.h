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
  };
  // Zeros like the parameter, f64 beside f64 and f32 otherwise: squares of small gradients vanish in f16.
  static Tensor zero_state(const Tensor& param);

  // What OptimizerOf answers for the optimizer.
  enum class StateUse : uint8_t { none, optional, needed };
  virtual void update_group(size_t group, const Batch& batch) = 0;
  virtual void check(const Settings& settings) const = 0;
  virtual StateUse use_of(const Settings& settings, size_t state) const = 0;
  virtual Tensor new_state_of(const Settings& settings, size_t state, const Tensor& param) const = 0;
  // For optimizers that evaluate the loss several times.
  virtual Tensor step_with(const Closure& closure);

 private:
  struct Group {
    std::vector<Tensor> params;
    Settings settings;
    std::vector<std::vector<Tensor>> states;  // [state][parameter]
    std::vector<int64_t> steps;
  };
  const Group& group_at(size_t group) const;
  size_t checked(size_t group) const;
  const char* momentum_name() const noexcept { return has("momentum") ? "momentum" : "beta1"; }
  const Setting& setting_at(std::string_view name, size_t group) const;
  // What a step will do with the parameters that are alike, made ready before anything changes.
  struct Planned;
  void plan_group(size_t index, std::vector<Planned>& out) const;
  void fill_states(Planned& planned, const std::vector<bool>& used) const;
  void run(Planned& planned);
  void read_settings(const StateDict& state, std::vector<Group>& groups) const;
  void read_states(const StateDict& state, std::vector<Group>& groups) const;
  void check_names(const StateDict& state) const;
  void check_complete(const std::vector<Group>& groups) const;

  const char* name_;
  std::vector<const char*> state_names_;
  std::vector<Group> groups_;
};

}  // namespace farro::optim
