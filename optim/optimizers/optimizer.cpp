// SPDX-License-Identifier: Apache-2.0
// What all optimizers share: groups with options, states by name, steps and state dicts. A step first makes everything
// that can fail (checks, new states), then changes parameters; so a step that fails has changed nothing.
#include <farro/optim/optimizers/optimizer.h>

#include <farro/autograd/node/grad_mode.h>
#include <farro/core/op/recorder.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/reduce/digest.h>

#include <algorithm>
#include <unordered_map>
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

}  // namespace

Tensor Optimizer::zero_state(const Tensor& param) {
  // States of half parameters are f32: an average of squares would lose small gradients in a half type.
  const DType dtype = param.dtype() == DType::f64 ? DType::f64 : DType::f32;
  const no_grad guard;
  return zeros_like(param.detach()).to(dtype);
}

Optimizer::Optimizer(const char* name, std::vector<const char*> state_names, std::vector<BareGroup> groups)
    : name_(name), state_names_(std::move(state_names)) {
  std::unordered_set<const TensorImpl*> seen;
  for (BareGroup& given : groups) {
    for (const Tensor& param : given.params) {
      FARRO_CHECK(param.defined() && param.is_leaf() && is_floating(param.dtype()), ValueError, name_,
                  ": params must be defined floating leaves, got ", param);
      // A parameter in two groups would be changed twice in a step.
      FARRO_CHECK(seen.insert(param.impl()).second, ValueError, name_, ": params must be distinct, got one twice (",
                  param, ")");
    }
    const size_t count = given.params.size();
    groups_.push_back({std::move(given.params),
                       std::move(given.settings),
                       std::vector(state_names_.size(), std::vector<Tensor>(count)),
                       std::vector<int64_t>(count),
                       {},
                       std::vector<Tensor>(count)});
  }
  FARRO_CHECK(!seen.empty(), ValueError, name_, ": params must hold at least one tensor, got none");
}

size_t Optimizer::checked(size_t group) const {
  FARRO_CHECK(group < groups_.size(), IndexError, name_, ": group must be below ", groups_.size(), ", got ", group);
  return group;
}
const Optimizer::Group& Optimizer::group_at(size_t group) const { return groups_[checked(group)]; }

std::vector<Tensor> Optimizer::parameters() const {
  std::vector<Tensor> out;
  for (const Group& group : groups_) out.insert(out.end(), group.params.begin(), group.params.end());
  return out;
}

// --- options

const Setting& Optimizer::setting_at(std::string_view name, size_t group) const {
  const Settings& settings = group_at(group).settings;
  if (const Setting* found = find(settings, name)) return *found;
  std::string known;
  for (const Setting& setting : settings) known += str(known.empty() ? "" : ", ", setting.name);
  fail<ValueError>(name_, ": option must be one of ", known, ", got '", name, "'");
}

double Optimizer::option(std::string_view name, size_t group) const {
  return setting_at(name, group).value.to_double();
}

void Optimizer::set(std::string_view name, double value, size_t group) {
  const Setting& setting = setting_at(name, group);
  FARRO_CHECK(!setting.fixed, ValueError, name_, ": ", name, " cannot be set, got ", value);
  // A changed copy is checked as a whole: options may forbid each other.
  Settings changed = groups_[group].settings;
  const auto at = static_cast<size_t>(&setting - groups_[group].settings.data());
  changed[at].value = as_kind_of(setting, value, str(name_, ": ", name));
  check(changed);
  groups_[group].settings = std::move(changed);
  if (capturable_ && name == "lr") write_lr(groups_[group]);
}

// --- the capturable form

void Optimizer::make_tensors(Group& group) {
  const NotRecorded guard;
  const Device device = group.params.empty() ? Device::cpu() : group.params[0].device();
  if (find(group.settings, "lr")) {
    group.lr = empty({}, {.dtype = DType::f64, .device = device});
    write_lr(group);
  }
  std::unordered_map<int64_t, Tensor> made;
  for (size_t i = 0; i < group.params.size(); ++i) {
    group.counts[i].reset();
    if (group.steps[i] == 0) continue;
    Tensor& count = made[group.steps[i]];
    if (!count.defined()) count = full({}, group.steps[i], {.dtype = DType::i64, .device = device});
    group.counts[i] = count;
  }
}

// Between replays or while a step is recorded, it is no part of it.
void Optimizer::write_lr(Group& group) {
  const NotRecorded guard;
  group.lr.fill_(find(group.settings, "lr")->value);
}

std::vector<int64_t> Optimizer::steps_of(const Group& group) {
  std::unordered_map<const TensorImpl*, int64_t> read;  // each count once: it waits for the device
  std::vector<int64_t> steps;
  for (const Tensor& count : group.counts) {
    if (!count.defined()) {
      steps.push_back(0);
      continue;
    }
    const auto [at, unread] = read.try_emplace(count.impl());
    if (unread) at->second = count.item<int64_t>();
    steps.push_back(at->second);
  }
  return steps;
}

void Optimizer::set_capturable(bool capturable) {
  if (capturable == capturable_) return;
  FARRO_CHECK(!capturable || can_be_capturable(), ValueError, name_, ": optimizer must have a capturable form, got ",
              "one whose update() takes numbers only");
  std::vector<Group> groups = groups_;
  for (Group& group : groups) {
    if (capturable) {
      make_tensors(group);
    } else {
      group.steps = steps_of(group);
      group.lr.reset();
      group.counts.assign(group.params.size(), {});
    }
  }
  groups_ = std::move(groups);
  capturable_ = capturable;
}

void Optimizer::zero_grad(bool set_to_none) {
  for (Group& group : groups_) {
    for (Tensor& param : group.params) {
      Tensor grad = set_to_none ? Tensor() : param.grad();
      param.set_grad(grad.defined() ? grad.detach().zero_() : grad);
    }
  }
}

// --- steps

struct Optimizer::Planned {
  size_t group;
  std::vector<size_t> members;  // positions in the group
  bool all;                     // they are the whole group
  std::vector<Tensor> params;   // of the members, unless they are all
  std::vector<Tensor> grads;
  std::vector<std::vector<Tensor>> states;  // [state][member]; empty where the state is not in use
  std::vector<bool> fresh;                  // these states are new
  int64_t step;
  // Of the capturable form: the steps made, and one more.
  Tensor count = {};
  Tensor next_count = {};
};

void Optimizer::step() {
  std::vector<Planned> plan;
  plan.reserve(groups_.size());
  for (size_t i = 0; i < groups_.size(); ++i) plan_group(i, plan);
  for (Planned& planned : plan) run(planned);
}

Tensor Optimizer::step(const Closure& closure) {
  FARRO_CHECK(closure, ValueError, name_, ": closure must be callable, got an empty function");
  return step_with(closure);
}

Tensor Optimizer::step_with(const Closure& closure) {
  const Tensor loss = [&] {
    const enable_grad guard;
    return closure();
  }();
  step();
  return loss;
}

// A batch for each count of steps made and each set of states that are still to be made: mostly there is one, of all
// parameters of the group.
void Optimizer::plan_group(size_t index, std::vector<Planned>& out) const {
  const Group& group = groups_[index];
  const size_t count = group.params.size(), states = state_names_.size();
  std::vector<bool> used(states);
  for (size_t k = 0; k < states; ++k) used[k] = use_of(group.settings, k) != StateUse::none;
  // Parameters can differ in their steps where some had no gradient in a step, or were loaded with states of their own.
  const auto is_like = [&](const Planned& planned, size_t i) {
    if (capturable_ ? group.counts[i].impl() != planned.count.impl() : group.steps[i] + 1 != planned.step) return false;
    for (size_t k = 0; k < states; ++k)
      if (used[k] && group.states[k][i].defined() == planned.fresh[k]) return false;
    return true;
  };
  const size_t first = out.size();
  for (size_t i = 0; i < count; ++i) {
    Tensor grad = grad_of(group.params[i]);
    if (!grad.defined()) continue;
    check_step(name_, group.params[i], grad, group.params[0]);
    auto at = std::find_if(out.begin() + static_cast<std::ptrdiff_t>(first), out.end(),
                           [&](const Planned& planned) { return is_like(planned, i); });
    if (at == out.end()) {
      std::vector<bool> fresh(states);
      for (size_t k = 0; k < states; ++k) fresh[k] = used[k] && !group.states[k][i].defined();
      out.push_back({index, {}, false, {}, {}, {}, std::move(fresh), group.steps[i] + 1, group.counts[i]});
      at = out.end() - 1;
    }
    at->members.push_back(i);
    at->grads.push_back(std::move(grad));
  }
  for (size_t at = first; at < out.size(); ++at) {
    fill_states(out[at], used);
    if (capturable_) own_count(out[at]);
  }
}

// Parameters that go on alone need a count of their own; those that stay behind keep the old one.
void Optimizer::own_count(Planned& planned) const {
  const Group& group = groups_[planned.group];
  const auto sharing =
      static_cast<size_t>(std::count_if(group.counts.begin(), group.counts.end(),
                                        [&](const Tensor& count) { return count.impl() == planned.count.impl(); }));
  {
    // Once, not in every replay.
    const NotRecorded guard;
    if (!planned.count.defined())
      planned.count = zeros({}, {.dtype = DType::i64, .device = group.params[planned.members[0]].device()});
    else if (sharing != planned.members.size())
      planned.count = planned.count.clone();
  }
  planned.next_count = planned.count + 1;
}

void Optimizer::fill_states(Planned& planned, const std::vector<bool>& used) const {
  // What a recorded first step makes is not made again by its replays.
  const NotRecorded guard;
  const Group& group = groups_[planned.group];
  planned.all = planned.members.size() == group.params.size();
  if (!planned.all)
    for (const size_t i : planned.members) planned.params.push_back(group.params[i]);
  planned.states.resize(used.size());
  for (size_t k = 0; k < used.size(); ++k) {
    if (!used[k] || (planned.all && !planned.fresh[k])) continue;
    for (const size_t i : planned.members)
      planned.states[k].push_back(planned.fresh[k] ? new_state_of(group.settings, k, group.params[i])
                                                   : group.states[k][i]);
  }
}

void Optimizer::run(Planned& planned) {
  Group& group = groups_[planned.group];
  Batch batch{
      planned.all ? group.params : planned.params, planned.grads, {}, planned.step, true, group.lr, planned.next_count};
  for (size_t k = 0; k < planned.states.size(); ++k) {
    const bool used = use_of(group.settings, k) != StateUse::none;
    // The common case hands the group's own lists to the kernel, without copies.
    const bool own = used && planned.all && !planned.fresh[k];
    batch.states.push_back(own ? TensorList(group.states[k]) : TensorList(planned.states[k]));
    batch.new_states = batch.new_states && (!used || planned.fresh[k]);
  }
  update_group(planned.group, batch);
  if (capturable_) planned.count.copy_(planned.next_count);
  for (size_t at = 0; at < planned.members.size(); ++at) {
    const size_t i = planned.members[at];
    if (capturable_)
      group.counts[i] = planned.count;
    else
      ++group.steps[i];
    for (size_t k = 0; k < planned.states.size(); ++k)
      if (planned.fresh[k]) group.states[k][i] = std::move(planned.states[k][at]);
  }
}

// --- state dicts

StateDict Optimizer::state_dict() const {
  StateDict out;
  size_t number = 0;
  for (size_t g = 0; g < groups_.size(); ++g) {
    const Group& group = groups_[g];
    for (const Setting& setting : group.settings)
      out.set_number(str("param_groups.", g, ".", setting.name), setting.value);
    out.set_number(str("param_groups.", g, ".num_params"), static_cast<int64_t>(group.params.size()));
    const std::vector<int64_t> steps = capturable_ ? steps_of(group) : group.steps;
    for (size_t i = 0; i < group.params.size(); ++i, ++number) {
      // A parameter without a step has no state, as in PyTorch's dicts.
      if (steps[i] == 0) continue;
      out.set_number(str("state.", number, ".step"), steps[i]);
      for (size_t k = 0; k < state_names_.size(); ++k)
        if (group.states[k][i].defined()) out.set(str("state.", number, ".", state_names_[k]), group.states[k][i]);
    }
  }
  return out;
}

void Optimizer::read_settings(const StateDict& state, std::vector<Group>& groups) const {
  for (size_t g = 0; g < groups.size(); ++g) {
    for (Setting& setting : groups[g].settings) {
      const std::string key = str("param_groups.", g, ".", setting.name);
      const double loaded = state.number(key), own = setting.value.to_double();
      FARRO_CHECK(!setting.fixed || loaded == own, ValueError, "load_state_dict: ", setting.name, " must be ", own,
                  " in a state of ", name_, ", got ", loaded);
      setting.value = as_kind_of(setting, loaded, str("load_state_dict: ", key));
    }
    check(groups[g].settings);
  }
}

// Copies of the states in the dict, checked against the parameters.
void Optimizer::read_states(const StateDict& state, std::vector<Group>& groups) const {
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
        Tensor own = new_state_of(group.settings, k, group.params[i]);
        FARRO_CHECK(found->defined() && found->sizes() == own.sizes(), ValueError, "load_state_dict: ", key,
                    own.sizes() == group.params[i].sizes() ? " must have its parameter's shape " : " must have shape ",
                    own.sizes(), ", got ", *found);
        FARRO_CHECK(is_floating(found->dtype()) == is_floating(own.dtype()) && (!found->is_meta() || own.is_meta()),
                    ValueError, "load_state_dict: ", key, " must hold floating values, got ", *found);
        group.states[k][i] = own.copy_(*found);
      }
    }
  }
}

void Optimizer::check_names(const StateDict& state) const {
  std::vector<std::string> known;
  size_t number = 0;
  for (size_t g = 0; g < groups_.size(); ++g) {
    for (const Setting& setting : groups_[g].settings) known.push_back(str("param_groups.", g, ".", setting.name));
    known.push_back(str("param_groups.", g, ".num_params"));
    for (size_t i = 0; i < groups_[g].params.size(); ++i, ++number) {
      known.push_back(str("state.", number, ".step"));
      // All names that a dict of this optimizer may hold, also for the hint at a similar one.
      for (const char* name : state_names_) known.push_back(str("state.", number, ".", name));
    }
  }
  const std::unordered_set<std::string_view> names(known.begin(), known.end());
  for (const auto& [name, tensor] : state)
    FARRO_CHECK(names.contains(name), ValueError, "load_state_dict: state must be that of ", name_, " with ",
                groups_.size(), " groups and ", number, " parameters, got '", name,
                "' (nearest: ", nearest_name(name, known), ")");
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
      for (size_t k = 0; k < state_names_.size(); ++k)
        FARRO_CHECK(
            use_of(group.settings, k) != StateUse::needed || group.states[k][i].defined() == (group.steps[i] > 0),
            ValueError, "load_state_dict: state.", number, " must have both step and ", state_names_[k],
            ", got one of them");
    }
  }
}

void Optimizer::load_state_dict(const StateDict& state) {
  check_names(state);
  // Everything is read into a copy, which takes the place of the old groups when nothing can fail any more.
  std::vector<Group> groups = groups_;
  read_settings(state, groups);
  read_states(state, groups);  // which there are, and their shapes, depends on the options
  check_complete(groups);
  if (capturable_)
    for (Group& group : groups) make_tensors(group);
  groups_ = std::move(groups);
}

Tensor digest(const Optimizer& optimizer) {
  std::vector<Tensor> all;
  for (const auto& group : optimizer.groups_) {
    for (size_t i = 0; i < group.params.size(); ++i) {
      all.push_back(group.params[i]);
      all.push_back(group.params[i].grad());
      for (const auto& states : group.states) all.push_back(states[i]);
    }
  }
  const no_grad guard;
  return farro::digest(all);
}

}  // namespace farro::optim
