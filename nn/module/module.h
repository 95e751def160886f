// SPDX-License-Identifier: Apache-2.0
// Module: a part of a network with parameters, buffers and child modules. Members register themselves:
//
//     struct Net : nn::Module {
//       nn::Linear fc1{*this, "fc1", {.in_features = 784, .out_features = 128}};
//       nn::Linear fc2{*this, "fc2", {.in_features = 128, .out_features = 10}};
//       Tensor forward(const Tensor& x) override { return fc2(relu(fc1(x))); }
//     };
//     Net net;                                       // a root
//     nn::Linear probe{nn::root, "probe", {...}};    // a layer on its own
//
// Module takes one tensor and gives one. ModuleOf<Result(Args...)> takes and gives anything:
//
//     struct Vae : nn::ModuleOf<std::tuple<Tensor, Tensor, Tensor>(const Tensor&)> {
//       ...
//       std::tuple<Tensor, Tensor, Tensor> forward(const Tensor& x) override { return {decoded, mean, log_var}; }
//     };
//     auto [decoded, mean, log_var] = vae(x);
//
// ModuleBase is what both are: all that a module has besides its forward(). Every call passes ModuleBase::invoke(),
// which enters the module's scope and runs hooks; hooks and summary() see the tensors in arguments and result as lists
// (tensors_of.h says which types those may be).
//
// A module that is used inside others takes (nn::Parent, std::string_view name, ...) and hands the first two to Module.
// Invariant: a child never outlives its entry in the parent, nor the entry the child; so modules are neither copied nor
// moved. Names in state dicts are PyTorch's: "block3.fc1.weight".
#pragma once

#include <farro/core/api.h>
#include <farro/core/scope/scope.h>
#include <farro/core/state/state_dict.h>
#include <farro/core/tensor/tensor.h>
#include <farro/nn/module/tensors_of.h>

#include <atomic>
#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace farro::nn {

class ModuleBase;

struct Root {};
inline constexpr Root root;

// The module that a new one becomes a child of, or `root` for none.
class Parent {
 public:
  Parent(ModuleBase& module) noexcept : module_(&module) {}
  Parent(Root) noexcept {}
  ModuleBase* get() const noexcept { return module_; }

 private:
  ModuleBase* module_ = nullptr;
};

enum class LoadMode : uint8_t { strict, lenient };

class FARRO_API ModuleBase {
 public:
  ModuleBase() : ModuleBase(root, {}) {}
  // ValueError where `name` is empty for a child, holds a dot, or is taken in `parent`.
  ModuleBase(Parent parent, std::string_view name);
  virtual ~ModuleBase();
  ModuleBase(const ModuleBase&) = delete;
  ModuleBase& operator=(const ModuleBase&) = delete;

  // --- hooks
  // Before forward(), with the tensors in the arguments, and after it, with those in the result, too, in order of
  // declaration. A hook may put others in the places of `inputs` or `outputs`, but not change how many there are
  // (ValueError).
  // Registering: ValueError for an empty function.
  using InputsHook = std::function<void(ModuleBase& module, std::vector<Tensor>& inputs)>;
  using OutputsHook =
      std::function<void(ModuleBase& module, const std::vector<Tensor>& inputs, std::vector<Tensor>& outputs)>;
  uint64_t register_forward_pre_hook(InputsHook hook);
  uint64_t register_forward_hook(OutputsHook hook);
  void remove_hook(uint64_t id);

  // --- what it is
  const std::string& name() const noexcept { return name_; }  // empty for most roots
  std::string path() const;                                   // "block3.fc1": names from below the root
  std::string type_name() const;                              // "Conv2d"
  bool is_training() const noexcept { return training_; }

  // --- what it holds, in order of declaration, own before the children's; a shared tensor comes once
  std::vector<Tensor> parameters() const;
  NamedTensors named_parameters() const;
  std::vector<Tensor> buffers() const;
  NamedTensors named_buffers() const;
  const std::vector<ModuleBase*>& children() const& noexcept { return children_; }
  std::vector<ModuleBase*> children() && { return children_; }
  // This module and all below it.
  std::vector<ModuleBase*> modules();
  int64_t num_parameters() const;  // elements

  // --- changing it; all go down to the children
  ModuleBase& train(bool on = true);
  ModuleBase& eval() { return train(false); }
  // Drops the gradients, or fills them with zeros.
  void zero_grad(bool set_to_none = true);
  ModuleBase& set_requires_grad(bool on);
  // Parameters and buffers (and gradients) move; the Tensor handles that others hold, such as an optimizer's, move with
  // them. A dtype applies to floating tensors only.
  ModuleBase& to(Device device);
  ModuleBase& to(DType dtype);
  ModuleBase& to(Device device, DType dtype);
  void apply(const std::function<void(ModuleBase&)>& fn);  // children first

  // --- weights
  // Parameters and persistent buffers by dotted name; the tensors share storage with the module.
  StateDict state_dict() const;
  // Copies values in, converting dtype and device. strict: throws ValueError unless names and shapes are exactly the
  // module's. lenient: takes what fits; the report names the rest. Values that an entry cannot hold are errors in both.
  // Whatever is thrown, nothing has changed.
  LoadReport load_state_dict(const StateDict& state, LoadMode mode = LoadMode::strict);
  // Takes the values of a module of the same structure.
  void clone_from(const ModuleBase& other);

  // Registration outside member declarations. An undefined tensor registers nothing.
  Tensor register_parameter(std::string_view name, const Tensor& data);
  // A buffer is state that is no parameter; one that is not persistent stays out of state dicts.
  Tensor register_buffer(std::string_view name, const Tensor& data, bool persistent = true);

 protected:
  // What every call of a module is: body(args...) with hooks, in the scope of this module's path (core/scope). Without
  // hooks the arguments are handed on as they are.
  template <class Body, class... Args>
  auto invoke(Body&& body, Args&&... args) {
    const CallScope scope(*this);
    if (!hooks_) [[likely]]
      return body(std::forward<Args>(args)...);
    // Hooks may replace tensors: in copies of arguments (they copy handles) that are not passed to be changed.
    std::tuple<Kept<Args>...> given(std::forward<Args>(args)...);
    const std::vector<Tensor> inputs = run_pre_hooks(tensors_in(given));
    put_tensors(given, inputs);
    auto result = std::apply([&](auto&... each) { return body(static_cast<Args&&>(each)...); }, given);
    put_tensors(result, run_forward_hooks(inputs, tensors_in(result)));
    return result;
  }
  // ValueError where an entry of this module must not have these values, e.g. a variance below 0. `path` is its name in
  // the state dict.
  virtual void check_loaded(std::string_view name, const std::string& path, const Tensor& value) const;
  // A list is never called itself: its name becomes part of its children's ("blocks.0").
  bool only_groups_ = false;

 private:
  struct Hooks;
  struct Entry {
    std::string name;
    Tensor tensor;
    bool buffer;
    bool persistent;
  };

  // While it lives, this module is the one being called on this thread.
  class CallScope {
   public:
    explicit CallScope(ModuleBase& module);
    ~CallScope();
    CallScope(const CallScope&) = delete;
    CallScope& operator=(const CallScope&) = delete;

   private:
    const ModuleBase* previous_;
    ScopeGuard guard_;
  };
  const ScopeNode* enter_scope();

  template <class Arg>
  using Kept = std::conditional_t<holds_tensors<Arg> && !std::is_convertible_v<Arg, std::remove_cvref_t<Arg>&>,
                                  std::remove_cvref_t<Arg>, Arg&&>;
  template <class T>
  static std::vector<Tensor> tensors_in(T& value) {
    std::vector<Tensor> out;
    for_each_tensor(value, [&](const Tensor& tensor) { out.push_back(tensor); });
    return out;
  }
  template <class T>
  static void put_tensors(T& value, const std::vector<Tensor>& tensors) {
    size_t i = 0;
    for_each_tensor(value, [&](Tensor& tensor) { tensor = tensors[i++]; });
  }
  std::vector<Tensor> run_pre_hooks(std::vector<Tensor> inputs);
  std::vector<Tensor> run_forward_hooks(const std::vector<Tensor>& inputs, std::vector<Tensor> outputs);
  void check_new_name(std::string_view kind, std::string_view name) const;
  void forget_child(ModuleBase* child) noexcept;
  std::string shown_name() const;
  std::string name_below(const ModuleBase* ancestor) const;
  // fn(dotted name, entry) for this module and all below.
  template <class Fn>
  void for_each_entry(const std::string& prefix, Fn&& fn) const;
  void collect_modules(std::vector<ModuleBase*>& out);
  ModuleBase& convert(std::optional<Device> device, std::optional<DType> dtype);

  std::string name_;
  ModuleBase* parent_;
  std::vector<ModuleBase*> children_;
  std::vector<Entry> entries_;
  std::unique_ptr<Hooks> hooks_;
  bool training_ = true;
  // The scope last entered from the parent's call, and from anywhere else; interned nodes live for ever.
  std::atomic<const ScopeNode*> nested_scope_{nullptr};
  std::atomic<const ScopeNode*> outer_scope_{nullptr};
};

// A module of one tensor.
class FARRO_API Module : public ModuleBase {
 public:
  using ModuleBase::ModuleBase;

  Tensor operator()(const Tensor& input) {
    return invoke([this](const Tensor& given) { return forward(given); }, input);
  }
  // Throws NotImplementedError where a module does not override it.
  virtual Tensor forward(const Tensor& input);

  // Hooks of one tensor, whose defined result replaces the input or output.
  using PreHook = std::function<Tensor(Module& module, const Tensor& input)>;
  using ForwardHook = std::function<Tensor(Module& module, const Tensor& input, const Tensor& output)>;
  uint64_t register_forward_pre_hook(PreHook hook);
  uint64_t register_forward_hook(ForwardHook hook);
  // Those of lists, told apart by what they can be called with.
  template <std::invocable<ModuleBase&, std::vector<Tensor>&> Hook>
  uint64_t register_forward_pre_hook(Hook hook) {
    return ModuleBase::register_forward_pre_hook(InputsHook(std::move(hook)));
  }
  template <std::invocable<ModuleBase&, const std::vector<Tensor>&, std::vector<Tensor>&> Hook>
  uint64_t register_forward_hook(Hook hook) {
    return ModuleBase::register_forward_hook(OutputsHook(std::move(hook)));
  }
};

// A module of any signature: `forward` takes Args and gives Result, and so does a call.
template <class Signature>
class ModuleOf;
template <class Result, class... Args>
class ModuleOf<Result(Args...)> : public ModuleBase {
 public:
  using ModuleBase::ModuleBase;

  Result operator()(Args... args) {
    return invoke([this](Args... given) -> Result { return forward(std::forward<Args>(given)...); },
                  std::forward<Args>(args)...);
  }
  virtual Result forward(Args... args) = 0;
};

// A tensor member that is trained. An undefined one (`bias = false`) is absent.
class Parameter : public Tensor {
 public:
  Parameter(ModuleBase& owner, std::string_view name, const Tensor& data)
      : Tensor(owner.register_parameter(name, data)) {}
  Parameter(const Parameter&) = delete;
  Parameter& operator=(const Parameter&) = delete;
};

// A tensor member that is kept with the weights but not trained, such as running statistics.
class Buffer : public Tensor {
 public:
  Buffer(ModuleBase& owner, std::string_view name, const Tensor& data, bool persistent = true)
      : Tensor(owner.register_buffer(name, data, persistent)) {}
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
};

}  // namespace farro::nn
