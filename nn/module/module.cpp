// SPDX-License-Identifier: Apache-2.0
// ModuleBase: the tree, names, calls and hooks.
#include <farro/nn/module/module.h>

#include <farro/core/io/detail/utf8.h>
#include <farro/nn/module/detail/module_impl.h>

#include <cxxabi.h>
#include <algorithm>
#include <typeinfo>
#include <unordered_set>

namespace farro::nn {

struct ModuleBase::Hooks {
  uint64_t next_id = 1;
  std::vector<std::pair<uint64_t, InputsHook>> pre;
  std::vector<std::pair<uint64_t, OutputsHook>> forward;
};

namespace {
// The module being called on this thread.
thread_local const ModuleBase* active = nullptr;
}  // namespace

// --- the tree

ModuleBase::ModuleBase(Parent parent, std::string_view name) : name_(name), parent_(parent.get()) {
  if (!parent_) return;
  parent_->check_new_name("module", name);
  parent_->children_.push_back(this);
}

ModuleBase::~ModuleBase() {
  if (parent_) parent_->forget_child(this);
  // A child may outlive its parent: then it is the root of its own tree.
  for (ModuleBase* child : children_) child->parent_ = nullptr;
}

void ModuleBase::forget_child(ModuleBase* child) noexcept { std::erase(children_, child); }

void ModuleBase::check_new_name(std::string_view kind, std::string_view name) const {
  FARRO_CHECK(!name.empty() && name.find('.') == std::string_view::npos, ValueError, type_name(), ": name of a ", kind,
              " must be non-empty and without a dot, got '", name, "'");
  FARRO_CHECK(to_utf8(name) == name, ValueError, type_name(), ": name of a ", kind, " must be UTF-8, got '", name, "'");
  const bool taken = std::any_of(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.name == name; }) ||
                     std::any_of(children_.begin(), children_.end(), [&](const auto* m) { return m->name_ == name; });
  FARRO_CHECK(!taken, ValueError, type_name(), ": name of a ", kind, " must be new in its module, got '", name,
              "' again");
}

Tensor ModuleBase::register_parameter(std::string_view name, const Tensor& data) {
  check_new_name("parameter", name);
  // An absent parameter, such as the bias of a layer without one, takes no entry; its name stays free of others.
  if (!data.defined()) return data;
  FARRO_CHECK(data.is_leaf(), ValueError, type_name(), ": parameter '", name,
              "' must be a leaf, got a computed tensor (", data, "); detach() it first");
  Tensor parameter = data;
  parameter.set_requires_grad();
  entries_.push_back({std::string(name), parameter, false, true});
  return parameter;
}

Tensor ModuleBase::register_buffer(std::string_view name, const Tensor& data, bool persistent) {
  check_new_name("buffer", name);
  if (data.defined()) entries_.push_back({std::string(name), data, true, persistent});
  return data;
}

std::string ModuleBase::shown_name() const { return name_.empty() ? type_name() : name_; }

// "block3.fc1": this module's name with those of the modules above it, down to but not including `ancestor`.
std::string ModuleBase::name_below(const ModuleBase* ancestor) const {
  std::string name = shown_name();
  for (const ModuleBase* above = parent_; above && above != ancestor; above = above->parent_)
    name = above->shown_name() + "." + name;
  return name;
}

std::string ModuleBase::path() const {
  if (!parent_) return {};
  const ModuleBase* top = parent_;
  while (top->parent_) top = top->parent_;
  return name_below(top);
}

std::string ModuleBase::type_name() const {
  int status = 0;
  // The class's name as written in the source, without namespaces: "Linear", not "farro::nn::Linear".
  const std::unique_ptr<char, void (*)(void*)> text(
      abi::__cxa_demangle(typeid(*this).name(), nullptr, nullptr, &status), std::free);
  std::string full = status == 0 ? text.get() : typeid(*this).name();
  const std::string head = full.substr(0, full.find('<'));
  const size_t colon = head.rfind("::");
  return colon == std::string::npos ? full : full.substr(colon + 2);
}

// --- calling

// The scope to run in: below the current one. Called from its parent's forward a module adds its own name; called from
// elsewhere, its whole path.
const ScopeNode* ModuleBase::enter_scope() {
  // Containers such as lists of blocks have no forward of their own: who called is the next module above them.
  const ModuleBase* caller = parent_;
  while (caller && caller->only_groups_) caller = caller->parent_;
  const bool nested = caller && caller == active;
  std::atomic<const ScopeNode*>& cache = nested ? nested_scope_ : outer_scope_;
  const ScopeNode* known = cache.load(std::memory_order_acquire);
  if (known && known->parent == current_scope()) [[likely]]
    return known;
  const ScopeGuard interned(name_below(nested ? caller : nullptr));
  cache.store(current_scope(), std::memory_order_release);
  return current_scope();
}

ModuleBase::CallScope::CallScope(ModuleBase& module) : previous_(active), guard_(module.enter_scope()) {
  active = &module;
}
ModuleBase::CallScope::~CallScope() { active = previous_; }

std::vector<Tensor> ModuleBase::run_pre_hooks(std::vector<Tensor> inputs) {
  const size_t count = inputs.size();
  // A hook may remove hooks: walk a copy.
  for (const auto& [id, hook] : std::vector(hooks_->pre)) {
    hook(*this, inputs);
    FARRO_CHECK(inputs.size() == count, ValueError, type_name(), ": inputs of a forward pre-hook must stay ", count,
                " tensors, got ", inputs.size());
  }
  return inputs;
}

std::vector<Tensor> ModuleBase::run_forward_hooks(const std::vector<Tensor>& inputs, std::vector<Tensor> outputs) {
  const size_t count = outputs.size();
  for (const auto& [id, hook] : std::vector(hooks_->forward)) {
    hook(*this, inputs, outputs);
    FARRO_CHECK(outputs.size() == count, ValueError, type_name(), ": outputs of a forward hook must stay ", count,
                " tensors, got ", outputs.size());
  }
  return outputs;
}

uint64_t ModuleBase::register_forward_pre_hook(InputsHook hook) {
  FARRO_CHECK(hook, ValueError, "register_forward_pre_hook: hook must be callable, got an empty function");
  if (!hooks_) hooks_ = std::make_unique<Hooks>();
  hooks_->pre.emplace_back(hooks_->next_id, std::move(hook));
  return hooks_->next_id++;
}

uint64_t ModuleBase::register_forward_hook(OutputsHook hook) {
  FARRO_CHECK(hook, ValueError, "register_forward_hook: hook must be callable, got an empty function");
  if (!hooks_) hooks_ = std::make_unique<Hooks>();
  hooks_->forward.emplace_back(hooks_->next_id, std::move(hook));
  return hooks_->next_id++;
}

void ModuleBase::remove_hook(uint64_t id) {
  if (!hooks_) return;
  std::erase_if(hooks_->pre, [&](const auto& hook) { return hook.first == id; });
  std::erase_if(hooks_->forward, [&](const auto& hook) { return hook.first == id; });
}

Tensor Module::forward(const Tensor& input) {
  fail<NotImplementedError>(type_name(),
                            ": forward(Tensor) must be overridden to call the module with one tensor, got ", input);
}

uint64_t Module::register_forward_pre_hook(PreHook hook) {
  FARRO_CHECK(hook, ValueError, "register_forward_pre_hook: hook must be callable, got an empty function");
  return ModuleBase::register_forward_pre_hook(
      [this, hook = std::move(hook)](ModuleBase&, std::vector<Tensor>& inputs) {
        if (Tensor replaced = hook(*this, inputs[0]); replaced.defined()) inputs[0] = std::move(replaced);
      });
}

uint64_t Module::register_forward_hook(ForwardHook hook) {
  FARRO_CHECK(hook, ValueError, "register_forward_hook: hook must be callable, got an empty function");
  return ModuleBase::register_forward_hook(
      [this, hook = std::move(hook)](ModuleBase&, const std::vector<Tensor>& inputs, std::vector<Tensor>& outputs) {
        if (Tensor replaced = hook(*this, inputs[0], outputs[0]); replaced.defined()) outputs[0] = std::move(replaced);
      });
}

// --- walking

namespace {

std::vector<Tensor> without_names(NamedTensors named) {
  std::vector<Tensor> out;
  out.reserve(named.size());
  for (auto& [name, tensor] : named) out.push_back(std::move(tensor));
  return out;
}

}  // namespace

NamedTensors ModuleBase::named_parameters() const {
  NamedTensors out;
  std::unordered_set<const TensorImpl*> seen;
  for_each_entry({}, [&](std::string name, const Entry& entry) {
    if (!entry.buffer && seen.insert(entry.tensor.impl()).second) out.emplace_back(std::move(name), entry.tensor);
  });
  return out;
}

NamedTensors ModuleBase::named_buffers() const {
  NamedTensors out;
  std::unordered_set<const TensorImpl*> seen;
  for_each_entry({}, [&](std::string name, const Entry& entry) {
    if (entry.buffer && seen.insert(entry.tensor.impl()).second) out.emplace_back(std::move(name), entry.tensor);
  });
  return out;
}

std::vector<Tensor> ModuleBase::parameters() const { return without_names(named_parameters()); }
std::vector<Tensor> ModuleBase::buffers() const { return without_names(named_buffers()); }

int64_t ModuleBase::num_parameters() const {
  int64_t count = 0;
  for (const Tensor& parameter : parameters()) count += parameter.numel();
  return count;
}

void ModuleBase::collect_modules(std::vector<ModuleBase*>& out) {
  out.push_back(this);
  for (ModuleBase* child : children_) child->collect_modules(out);
}

std::vector<ModuleBase*> ModuleBase::modules() {
  std::vector<ModuleBase*> out;
  collect_modules(out);
  return out;
}

ModuleBase& ModuleBase::train(bool on) {
  training_ = on;
  for (ModuleBase* child : children_) child->train(on);
  return *this;
}

void ModuleBase::zero_grad(bool set_to_none) {
  for (Entry& entry : entries_) {
    if (entry.buffer) continue;
    if (set_to_none) {
      entry.tensor.set_grad({});
    } else if (Tensor grad = entry.tensor.grad(); grad.defined()) {
      entry.tensor.set_grad(grad.detach().zero_());
    }
  }
  for (ModuleBase* child : children_) child->zero_grad(set_to_none);
}

ModuleBase& ModuleBase::set_requires_grad(bool on) {
  for (Entry& entry : entries_)
    if (!entry.buffer) entry.tensor.set_requires_grad(on);
  for (ModuleBase* child : children_) child->set_requires_grad(on);
  return *this;
}

void ModuleBase::check_loaded(std::string_view, const std::string&, const Tensor&) const {}

void ModuleBase::apply(const std::function<void(ModuleBase&)>& fn) {
  FARRO_CHECK(fn, ValueError, "apply: fn must be callable, got an empty function");
  for (ModuleBase* child : children_) child->apply(fn);
  fn(*this);
}

}  // namespace farro::nn
