// What all optimizers share: groups of parameters with options of their own, states that appear with a parameter's
// first gradient, and state dicts. An optimizer brings update(), which is called once for all parameters of a group
// (for parameters that missed steps, once for each step count), so that a step costs one kernel whatever the number of
// parameters. Invariant: states[k][i] belongs to params[i], has its shape and layout, and is defined once steps[i] > 0.
#pragma once

#include <farro/nn/module/state_dict.h>

#include <array>
#include <span>
#include <variant>
#include <vector>

namespace farro::optim {

using nn::StateDict;

template <class Options>
struct ParamGroup {
  std::vector<Tensor> params;
  Options options = {};
};

class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  // Changes every parameter that has a gradient. All that a step needs is checked and allocated before the first of
  // them changes: one that throws has changed nothing, and the next goes on as if it had not been.
  void step();
  void zero_grad(bool set_to_none = true);

  size_t num_groups() const noexcept { return groups_.size(); }
  // IndexError unless group < num_groups().
  const std::vector<Tensor>& params(size_t group = 0) const& { return group_at(group).params; }
  std::vector<Tensor> params(size_t group = 0) && { return group_at(group).params; }
  double lr(size_t group = 0) const { return const_cast<Optimizer*>(this)->lr_of(checked(group)); }
  // ValueError for what the constructor would refuse; set_momentum() alike.
  void set_lr(double lr, size_t group = 0);
  // SGD's momentum, Adam's beta1: what a one-cycle schedule turns down while the learning rate is up.
  double momentum(size_t group = 0) const { return const_cast<Optimizer*>(this)->momentum_of(checked(group)); }
  void set_momentum(double momentum, size_t group = 0);

  // Options of all groups under "param_groups.<g>.<option>", states under "state.<i>.<name>" with the parameters
  // counted through all groups, in PyTorch's names. The tensors share storage with the optimizer.
  StateDict state_dict() const;
  // ValueError (and no change) unless it is the state of an optimizer of this kind with the same groups and parameter
  // shapes, and its options are such as the constructor takes.
  void load_state_dict(const StateDict& state);

 protected:
  static constexpr size_t kMaxStates = 3;
  using States = std::array<std::vector<Tensor>, kMaxStates>;

  // ValueError for an empty group list, an undefined, repeated, non-leaf or non-floating parameter.
  Optimizer(const char* name, std::vector<std::vector<Tensor>> groups, std::span<const char* const> state_names);

  // Parameters of one group that have a gradient and have made the same number of steps; `step` counts this one. The
  // states of all of them are new (zeros), or none's.
  struct Batch {
    TensorList params;
    TensorList grads;
    std::array<TensorList, kMaxStates> states;
    int64_t step;
    bool new_states;
  };
  virtual void update(size_t group, const Batch& batch) = 0;
  // How many of the states the group's options call for.
  virtual size_t states_in_use(size_t group) const = 0;
  // How many of them a parameter that has made a step cannot be without.
  virtual size_t states_needed(size_t group) const { return states_in_use(group); }
  virtual double& lr_of(size_t group) = 0;
  virtual double& momentum_of(size_t group) = 0;
  // The group's options by PyTorch's names, for state dicts; what points to a constant must be equal in a loaded one.
  using Setting = std::pair<const char*, std::variant<double*, bool*, const bool*>>;
  virtual std::vector<Setting> settings(size_t group) = 0;
  // ValueError for options out of range: of the constructor, of a loaded state, of a schedule.
  virtual void check_options(size_t group) const = 0;

 private:
  struct Group {
    std::vector<Tensor> params;
    States states;
    std::vector<int64_t> steps;
  };
  const Group& group_at(size_t group) const;
  size_t checked(size_t group) const;
  // What a step will do with the parameters that are alike, made ready before anything changes.
  struct Planned;
  void plan_group(size_t index, std::vector<Planned>& out) const;
  void run(Planned& planned);
  void set_option(double& option, double value, size_t group);
  struct Choice;  // a setting and its number
  static double number_of(const Setting& setting);
  static void choose(const std::vector<Choice>& choices);
  std::vector<Group> read_states(const StateDict& state) const;
  void check_names(const StateDict& state) const;
  void check_complete(const std::vector<Group>& groups) const;

  const char* name_;
  std::vector<const char*> state_names_;
  std::vector<Group> groups_;
};

}  // namespace farro::optim
