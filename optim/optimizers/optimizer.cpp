#include <farro/optim/optimizers/optimizer.h>

#include <farro/autograd/node/grad_mode.h>
#include <farro/kernels/pointwise/factories.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_set>

namespace farro::optim {

namespace {

// The gradient in the parameter's layout, which the fused kernels need.
Tensor grad_of(const Tensor& param) {
  Tensor grad = param.grad();
  if (!grad.defined() || grad.strides() == param.strides() || (grad.is_contiguous() && param.is_contiguous()))
    return grad;
  const no_grad guard;
  Tensor copy = empty_like(param);
  copy.copy_(grad);
  return copy;
}

// Half-precision parameters have f32 states: squares of small gradients vanish in f16.
Tensor new_state(const Tensor& param) {
  const DType dtype = param.dtype() == DType::f64 ? DType::f64 : DType::f32;
  const no_grad guard;
  return zeros_like(param.detach()).to(dtype);
}

}  // namespace

Optimizer::Optimizer(const char* name, std::vector<std::vector<Tensor>> groups,
                     std::span<const char* const> state_names)
    : name_(name), state_names_(state_names.begin(), state_names.end()) {
  std::unordered_set<const TensorImpl*> seen;
  for (std::vector<Tensor>& params : groups) {
    for (const Tensor& param : params) {
      FARRO_CHECK(param.defined() && param.is_leaf() && is_floating(param.dtype()), ValueError, name_,
                  ": params must be defined floating leaves, got ", param);
      FARRO_CHECK(seen.insert(param.impl()).second, ValueError, name_, ": params must be distinct, got one twice (",
                  param, ")");
    }
    Group& group = groups_.emplace_back();
    group.params = std::move(params);
    group.steps.resize(group.params.size());
    for (auto& state : group.states) state.resize(group.params.size());
  }
  FARRO_CHECK(!seen.empty(), ValueError, name_, ": params must hold at least one tensor, got none");
}

size_t Optimizer::checked(size_t group) const {
  FARRO_CHECK(group < groups_.size(), IndexError, name_, ": group must be below ", groups_.size(), ", got ", group);
  return group;
}
const Optimizer::Group& Optimizer::group_at(size_t group) const { return groups_[checked(group)]; }

void Optimizer::set_lr(double lr, size_t group) {
  FARRO_CHECK(std::isfinite(lr) && lr >= 0, ValueError, "set_lr: lr must be finite and at least 0, got ", lr);
  lr_of(checked(group)) = lr;
}
void Optimizer::set_momentum(double momentum, size_t group) {
  FARRO_CHECK(std::isfinite(momentum) && momentum >= 0, ValueError,
              "set_momentum: momentum must be finite and at least 0, got ", momentum);
  momentum_of(checked(group)) = momentum;
}

void Optimizer::zero_grad(bool set_to_none) {
  for (Group& group : groups_) {
    for (Tensor& param : group.params) {
      Tensor grad = set_to_none ? Tensor() : param.grad();
      param.set_grad(grad.defined() ? grad.detach().zero_() : grad);
    }
  }
}

void Optimizer::step() {
  for (size_t i = 0; i < groups_.size(); ++i) {
    step_group(i);
    grads_.clear();  // gradients must not live longer than their parameters want
  }
}

void Optimizer::make_states(Group& group, size_t param, size_t count) {
  for (size_t k = 0; k < count; ++k)
    if (!group.states[k][param].defined()) group.states[k][param] = new_state(group.params[param]);
}

// Mostly all parameters of a group have gradients and have made the same steps: then the group's own lists are the
// batch.
void Optimizer::step_group(size_t index) {
  Group& group = groups_[index];
  const size_t count = group.params.size(), used = states_in_use(index);
  bool even = true;
  for (size_t i = 0; i < count; ++i) {
    grads_.push_back(grad_of(group.params[i]));
    even = even && grads_.back().defined() && group.steps[i] == group.steps[0] &&
           group.states[0][i].defined() == group.states[0][0].defined();
  }
  if (!even) return step_ragged(index);
  if (count == 0) return;
  const bool new_states = !group.states[0][0].defined();
  for (size_t i = 0; i < count; ++i) make_states(group, i, used);
  Batch batch{group.params, grads_, {}, group.steps[0] + 1, new_states};
  for (size_t k = 0; k < used; ++k) batch.states[k] = group.states[k];
  update(index, batch);
  for (int64_t& steps : group.steps) ++steps;
}

void Optimizer::step_ragged(size_t index) {
  Group& group = groups_[index];
  const size_t used = states_in_use(index);
  std::map<std::pair<int64_t, bool>, std::vector<size_t>> alike;  // steps made, new states -> parameters
  for (size_t i = 0; i < group.params.size(); ++i)
    if (grads_[i].defined()) alike[{group.steps[i], !group.states[0][i].defined()}].push_back(i);
  for (const auto& [key, members] : alike) {
    std::vector<Tensor> params, grads;
    States states;
    for (size_t i : members) {
      make_states(group, i, used);
      params.push_back(group.params[i]);
      grads.push_back(grads_[i]);
      for (size_t k = 0; k < used; ++k) states[k].push_back(group.states[k][i]);
    }
    Batch batch{params, grads, {}, key.first + 1, key.second};
    for (size_t k = 0; k < used; ++k) batch.states[k] = states[k];
    update(index, batch);
    for (size_t i : members) ++group.steps[i];
  }
}

// --- state dicts

struct Optimizer::Choice {
  Setting setting;
  double number;
};

double Optimizer::number_of(const Setting& setting) {
  return std::visit([](const auto* slot) { return static_cast<double>(*slot); }, setting.second);
}

void Optimizer::choose(const std::vector<Choice>& choices) {
  for (const Choice& choice : choices) {
    if (auto* slot = std::get_if<double*>(&choice.setting.second)) **slot = choice.number;
    if (auto* slot = std::get_if<bool*>(&choice.setting.second)) **slot = choice.number != 0;
  }
}

StateDict Optimizer::state_dict() const {
  StateDict out;
  size_t number = 0;
  for (size_t g = 0; g < groups_.size(); ++g) {
    for (const auto& [name, value] : const_cast<Optimizer*>(this)->settings(g))
      std::visit([&, key = str("param_groups.", g, ".", name)](const auto* slot) { out.set_number(key, *slot); }, value);
    const Group& group = groups_[g];
    out.set_number(str("param_groups.", g, ".num_params"), static_cast<int64_t>(group.params.size()));
    for (size_t i = 0; i < group.params.size(); ++i, ++number) {
      if (group.steps[i] == 0) continue;
      out.set_number(str("state.", number, ".step"), group.steps[i]);
      for (size_t k = 0; k < state_names_.size(); ++k)
        if (group.states[k][i].defined()) out.set(str("state.", number, ".", state_names_[k]), group.states[k][i]);
    }
  }
  return out;
}

// Copies of the states in the dict, checked against the parameters.
std::vector<Optimizer::Group> Optimizer::read_states(const StateDict& state) const {
  std::vector<Group> groups = groups_;
  size_t number = 0;
  for (Group& group : groups) {
    for (size_t i = 0; i < group.params.size(); ++i, ++number) {
      const Tensor* steps = state.find(str("state.", number, ".step"));
      group.steps[i] = steps ? state.integer(str("state.", number, ".step")) : 0;
      FARRO_CHECK(!steps || group.steps[i] >= 1, ValueError, "load_state_dict: state.", number,
                  ".step must be at least 1, got ", group.steps[i]);
      FARRO_CHECK(group.steps[i] < int64_t{1} << 62, ValueError, "load_state_dict: state.", number,
                  ".step must be below 2^62, got ", group.steps[i]);
      for (size_t k = 0; k < state_names_.size(); ++k) {
        const std::string key = str("state.", number, ".", state_names_[k]);
        const Tensor* found = state.find(key);
        group.states[k][i].reset();
        if (!found) continue;
        FARRO_CHECK(found->sizes() == group.params[i].sizes(), ValueError, "load_state_dict: ", key,
                    " must have its parameter's shape ", group.params[i].sizes(), ", got ", *found);
        group.states[k][i] = new_state(group.params[i]);
        group.states[k][i].copy_(*found);
      }
    }
  }
  return groups;
}

void Optimizer::check_names(const StateDict& state) const {
  std::vector<std::string> known;
  size_t number = 0;
  for (size_t g = 0; g < groups_.size(); ++g) {
    for (const auto& [name, value] : const_cast<Optimizer*>(this)->settings(g))
      known.push_back(str("param_groups.", g, ".", name));
    known.push_back(str("param_groups.", g, ".num_params"));
    for (size_t i = 0; i < groups_[g].params.size(); ++i, ++number) {
      known.push_back(str("state.", number, ".step"));
      for (const char* name : state_names_) known.push_back(str("state.", number, ".", name));
    }
  }
  const std::unordered_set<std::string_view> names(known.begin(), known.end());
  for (const auto& [name, tensor] : state)
    FARRO_CHECK(names.contains(name), ValueError, "load_state_dict: state must be that of ", name_, " with ",
                groups_.size(), " groups and ", number, " parameters, got '", name,
                "' (nearest: ", nn::nearest_name(name, known), ")");
  for (size_t g = 0; g < groups_.size(); ++g) {
    const auto params = static_cast<int64_t>(groups_[g].params.size());
    const int64_t found = state.integer(str("param_groups.", g, ".num_params"));
    FARRO_CHECK(found == params, ValueError, "load_state_dict: group ", g, " must have ", params, " parameters, got ",
                found);
  }
}

// A parameter that has made steps has the states of its past; one that has not, has none.
void Optimizer::check_complete(const std::vector<Group>& groups) const {
  size_t number = 0;
  for (size_t g = 0; g < groups.size(); ++g) {
    const Group& group = groups[g];
    for (size_t i = 0; i < group.params.size(); ++i, ++number) {
      for (size_t k = 0; k < states_needed(g); ++k)
        FARRO_CHECK(group.states[k][i].defined() == (group.steps[i] > 0), ValueError, "load_state_dict: state.", number,
                    " must have both step and ", state_names_[k], ", got one of them");
    }
  }
}

void Optimizer::load_state_dict(const StateDict& state) {
  check_names(state);
  std::vector<Group> groups = read_states(state);
  std::vector<Choice> loaded, own;
  for (size_t g = 0; g < groups_.size(); ++g)
    for (const Setting& setting : settings(g)) {
      own.push_back({setting, number_of(setting)});
      loaded.push_back({setting, state.number(str("param_groups.", g, ".", setting.first))});
      FARRO_CHECK(!std::holds_alternative<const bool*>(setting.second) || loaded.back().number == own.back().number,
                  ValueError, "load_state_dict: ", setting.first, " must be ", own.back().number, " in a state of ", name_,
                  ", got ", loaded.back().number);
    }
  choose(loaded);
  try {
    check_complete(groups);  // which states there must be depends on the options
  } catch (...) {
    choose(own);
    throw;
  }
  groups_ = std::move(groups);
}

}  // namespace farro::optim
