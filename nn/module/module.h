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
// A module that is used inside others takes (nn::Parent, std::string_view name, ...) and hands the first two to Module.
// Invariant: a child never outlives its entry in the parent, nor the entry the child; so modules are neither copied nor
// moved. Names in state dicts are PyTorch's: "block3.fc1.weight".
#pragma once

#include <farro/core/scope/scope.h>
#include <farro/core/tensor/tensor.h>
#include <farro/nn/module/state_dict.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace farro::nn {

class Module;

struct Root {};
inline constexpr Root root;

// The module that a new one becomes a child of, or `root` for none.
class Parent {
 public:
  Parent(Module& module) noexcept : module_(&module) {}
  Parent(Root) noexcept {}
  Module* get() const noexcept { return module_; }

 private:
  Module* module_ = nullptr;
};

enum class LoadMode : uint8_t { strict, lenient };

class Module {
 public:
  Module() : Module(root, {}) {}
  // ValueError where `name` is empty for a child, holds a dot, or is taken in `parent`.
  Module(Parent parent, std::string_view name);
  virtual ~Module();
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  // --- calling
  // forward() with hooks, in the scope of this module's path (core/scope).
  Tensor operator()(const Tensor& input);
  // Modules of one tensor override this; it throws NotImplementedError.
  virtual Tensor forward(const Tensor& input);

  // Before forward(); a defined result replaces the input.
  using PreHook = std::function<Tensor(Module& module, const Tensor& input)>;
  // After forward(); a defined result replaces the output.
  using ForwardHook = std::function<Tensor(Module& module, const Tensor& input, const Tensor& output)>;
  // ValueError for an empty function.
  uint64_t register_forward_pre_hook(PreHook hook);
  uint64_t register_forward_hook(ForwardHook hook);
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
  const std::vector<Module*>& children() const& noexcept { return children_; }
  std::vector<Module*> children() && { return children_; }
  // This module and all below it.
  std::vector<Module*> modules();
  int64_t num_parameters() const;  // elements

  // --- changing it; all go down to the children
  Module& train(bool on = true);
  Module& eval() { return train(false); }
  // Drops the gradients, or fills them with zeros.
  void zero_grad(bool set_to_none = true);
  Module& set_requires_grad(bool on);
  // Parameters and buffers (and gradients) move; the Tensor handles that others hold, such as an optimizer's, move with
  // them. A dtype applies to floating tensors only.
  Module& to(Device device);
  Module& to(DType dtype);
  Module& to(Device device, DType dtype);
  void apply(const std::function<void(Module&)>& fn);  // children first

  // --- weights
  // Parameters and persistent buffers by dotted name; the tensors share storage with the module.
  StateDict state_dict() const;
  // Copies values in, converting dtype and device. strict: throws ValueError unless names and shapes are exactly the
  // module's. lenient: takes what fits; the report names the rest. Values that an entry cannot hold are errors in both.
  // Whatever is thrown, nothing has changed.
  LoadReport load_state_dict(const StateDict& state, LoadMode mode = LoadMode::strict);
  // Takes the values of a module of the same structure.
  void clone_from(const Module& other);

  // Registration outside member declarations. An undefined tensor registers nothing.
  Tensor register_parameter(std::string_view name, const Tensor& data);
  // A buffer is state that is no parameter; one that is not persistent stays out of state dicts.
  Tensor register_buffer(std::string_view name, const Tensor& data, bool persistent = true);

 protected:
  // For modules whose forward takes more than one tensor: runs `body(input)` as operator() runs forward().
  template <class Body>
  Tensor invoke(const Tensor& input, Body&& body) {
    const CallScope scope(*this);
    if (!hooks_) [[likely]]
      return body(input);
    const Tensor given = run_pre_hooks(input);
    return run_forward_hooks(given, body(given));
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
    explicit CallScope(Module& module);
    ~CallScope();
    CallScope(const CallScope&) = delete;
    CallScope& operator=(const CallScope&) = delete;

   private:
    const Module* previous_;
    ScopeGuard guard_;
  };
  const ScopeNode* enter_scope();

  Tensor run_pre_hooks(const Tensor& input);
  Tensor run_forward_hooks(const Tensor& input, Tensor output);
  void check_new_name(std::string_view kind, std::string_view name) const;
  void forget_child(Module* child) noexcept;
  std::string shown_name() const;
  std::string name_below(const Module* ancestor) const;
  // fn(dotted name, entry) for this module and all below.
  template <class Fn>
  void for_each_entry(const std::string& prefix, Fn&& fn) const;
  void collect_modules(std::vector<Module*>& out);
  Module& convert(std::optional<Device> device, std::optional<DType> dtype);

  std::string name_;
  Module* parent_;
  std::vector<Module*> children_;
  std::vector<Entry> entries_;
  std::unique_ptr<Hooks> hooks_;
  bool training_ = true;
  // The scope last entered from the parent's call, and from anywhere else; interned nodes live for ever.
  std::atomic<const ScopeNode*> nested_scope_{nullptr};
  std::atomic<const ScopeNode*> outer_scope_{nullptr};
};

// A tensor member that is trained. An undefined one (`bias = false`) is absent.
class Parameter : public Tensor {
 public:
  Parameter(Module& owner, std::string_view name, const Tensor& data) : Tensor(owner.register_parameter(name, data)) {}
  Parameter(const Parameter&) = delete;
  Parameter& operator=(const Parameter&) = delete;
};

// A tensor member that is kept with the weights but not trained, such as running statistics.
class Buffer : public Tensor {
 public:
  Buffer(Module& owner, std::string_view name, const Tensor& data, bool persistent = true)
      : Tensor(owner.register_buffer(name, data, persistent)) {}
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
};

}  // namespace farro::nn
