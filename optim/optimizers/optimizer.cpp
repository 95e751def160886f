#include <farro/optim/optimizers/optimizer.h>

#include <farro/autograd/node/grad_mode.h>
#include <farro/kernels/pointwise/factories.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_set>
#include <utility>

namespace farro::optim {

namespace {

// A count beyond it is none: kernels take it as a double.
constexpr int64_t kMostSteps = int64_t{1} << 53;

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

// What the fused kernels ask of one parameter, found before any parameter has changed.
void check_step(const char* name, const Tensor& param, const Tensor& grad, const Tensor& first) {
  FARRO_CHECK(grad.device() == param.device() && param.device() == first.device(), DeviceError, name,
              ": params of a group and their gradients must be on one device, got ", param, " with gradient ", grad,
              " (first parameter: ", first, ")");
  FARRO_CHECK(param.is_contiguous() || is_dense(param.sizes(), param.strides()), ValueError, name,
              ": params must be dense, got strides ", param.strides(), " (", param, ")");
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

void Optimizer::set_option(double& option, double value, size_t group) {
  const double before = std::exchange(option, value);
  try {
    check_options(group);
  } catch (...) {
    option = before;
    throw;
  }
}

void Optimizer::set_lr(double lr, size_t group) {
  FARRO_CHECK(std::isfinite(lr) && lr >= 0, ValueError, "set_lr: lr must be finite and at least 0, got ", lr);
  set_option(lr_of(checked(group)), lr, group);
}
void Optimizer::set_momentum(double momentum, size_t group) {
  FARRO_CHECK(std::isfinite(momentum) && momentum >= 0, ValueError,
              "set_momentum: momentum must be finite and at least 0, got ", momentum);
  set_option(momentum_of(checked(group)), momentum, group);
}

void Optimizer::zero_grad(bool set_to_none) {
  for (Group& group : groups_) {
    for (Tensor& param : group.params) {
      Tensor grad = set_to_none ? Tensor() : param.grad();
      param.set_grad(grad.defined() ? grad.detach().zero_() : grad);
    }
  }
}

struct Optimizer::Planned {
  size_t group;
  std::vector<size_t> members;  // positions in the group; empty: all of them
  std::vector<Tensor> params;   // of the members
  std::vector<Tensor> grads;
  States states;  // of the members, or new ones
  int64_t step;
  bool new_states;
  bool all() const { return members.empty(); }
};

void Optimizer::step() {
  std::vector<Planned> plan;
  plan.reserve(groups_.size());
  for (size_t i = 0; i < groups_.size(); ++i) plan_group(i, plan);
  for (Planned& planned : plan) run(planned);
}

// Mostly all parameters of a group have gradients and have made the same steps: then the group's own lists are the
// batch. Else there is a batch for each count of steps.
void Optimizer::plan_group(size_t index, std::vector<Planned>& out) const {
  const Group& group = groups_[index];
  const size_t count = group.params.size(), used = states_in_use(index);
  if (count == 0) return;
  std::vector<Tensor> grads(count);
  bool even = true;
  for (size_t i = 0; i < count; ++i) {
    grads[i] = grad_of(group.params[i]);
    even = even && grads[i].defined() && group.steps[i] == group.steps[0] &&
           group.states[0][i].defined() == group.states[0][0].defined();
    if (grads[i].defined()) check_step(name_, group.params[i], grads[i], group.params[0]);
  }
  const auto make_states = [&](Planned& planned) {
    for (size_t k = 0; k < used && planned.new_states; ++k)
      for (const Tensor& param : planned.all() ? group.params : planned.params)
        planned.states[k].push_back(new_state(param));
  };
  if (even) {
    const bool fresh = !group.states[0][0].defined();
    out.push_back({index, {}, {}, std::move(grads), {}, group.steps[0] + 1, fresh});
    return make_states(out.back());
  }
  std::map<std::pair<int64_t, bool>, std::vector<size_t>> alike;  // steps made, new states -> parameters
  for (size_t i = 0; i < count; ++i)
    if (grads[i].defined()) alike[{group.steps[i], !group.states[0][i].defined()}].push_back(i);
  for (auto& [key, members] : alike) {
    Planned& planned = out.emplace_back(Planned{index, std::move(members), {}, {}, {}, key.first + 1, key.second});
    for (const size_t i : planned.members) {
      planned.params.push_back(group.params[i]);
      planned.grads.push_back(grads[i]);
      for (size_t k = 0; k < used && !planned.new_states; ++k) planned.states[k].push_back(group.states[k][i]);
    }
    make_states(planned);
  }
}

void Optimizer::run(Planned& planned) {
  Group& group = groups_[planned.group];
  const size_t used = states_in_use(planned.group);
  const bool own = planned.all() && !planned.new_states;
  Batch batch{planned.all() ? group.params : planned.params, planned.grads, {}, planned.step, planned.new_states};
  for (size_t k = 0; k < used; ++k) batch.states[k] = own ? group.states[k] : planned.states[k];
  update(planned.group, batch);
  const size_t count = planned.grads.size();
  for (size_t at = 0; at < count; ++at) {
    const size_t i = planned.all() ? at : planned.members[at];
    ++group.steps[i];
    for (size_t k = 0; k < used && planned.new_states; ++k) group.states[k][i] = std::move(planned.states[k][at]);
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
      FARRO_CHECK(group.steps[i] < kMostSteps, ValueError, "load_state_dict: state.", number,
                  ".step must be below 2^53, got ", group.steps[i]);
      for (size_t k = 0; k < state_names_.size(); ++k) {
        const std::string key = str("state.", number, ".", state_names_[k]);
        const Tensor* found = state.find(key);
        group.states[k][i].reset();
        if (!found) continue;
        FARRO_CHECK(found->defined() && found->sizes() == group.params[i].sizes(), ValueError, "load_state_dict: ", key,
                    " must have its parameter's shape ", group.params[i].sizes(), ", got ", *found);
        FARRO_CHECK(is_floating(found->dtype()) && (!found->is_meta() || group.params[i].is_meta()), ValueError,
                    "load_state_dict: ", key, " must hold floating values, got ", *found);
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
      FARRO_CHECK(std::holds_alternative<double*>(setting.second) || loaded.back().number == 0 ||
                      loaded.back().number == 1,
                  ValueError, "load_state_dict: param_groups.", g, ".", setting.first, " must be 0 or 1, got ",
                  loaded.back().number);
    }
  choose(loaded);
  try {
    for (size_t g = 0; g < groups_.size(); ++g) check_options(g);
    check_complete(groups);  // which states there must be depends on the options
  } catch (...) {
    choose(own);
    throw;
  }
  groups_ = std::move(groups);
}

}  // namespace farro::optim
