// SPDX-License-Identifier: Apache-2.0
// Modules that own other modules: Sequential runs them one after another, ModuleList only holds them.
#pragma once

#include <farro/core/api.h>
#include <farro/nn/module/module.h>

#include <concepts>
#include <memory>
#include <vector>

namespace farro::nn {

// Over the modules of a list of pointers.
template <class M>
class ModuleIterator {
 public:
  using Pointers = std::vector<std::unique_ptr<M>>;
  explicit ModuleIterator(typename Pointers::const_iterator at) : at_(at) {}
  M& operator*() const { return **at_; }
  ModuleIterator& operator++() {
    ++at_;
    return *this;
  }
  bool operator==(const ModuleIterator&) const = default;

 private:
  typename Pointers::const_iterator at_;
};

//     nn::Sequential net;                                       // a root, or net{*this, "net"} as a member
//     net.add<nn::Linear>("fc1", {.in_features = 784, .out_features = 128});
//     net.add<nn::ReLU>("act");
// Without a name a module gets its number, as in PyTorch: net.add<nn::ReLU>().
class FARRO_API Sequential : public Module {
 public:
  using Module::Module;

  // Constructs M(*this, name, args...) behind the others.
  template <std::derived_from<Module> M, class... Args>
  M& add(std::string_view name, Args&&... args) {
    auto owned = std::make_unique<M>(*this, name, std::forward<Args>(args)...);
    M& module = *owned;
    module.train(is_training());
    owned_.push_back(std::move(owned));
    return module;
  }
  // The same, so that options can be written in braces.
  template <std::derived_from<Module> M>
  M& add(std::string_view name, const typename M::Options& options) {
    return add<M, const typename M::Options&>(name, options);
  }
  template <std::derived_from<Module> M>
  M& add(const typename M::Options& options) {
    return add<M, const typename M::Options&>(std::to_string(owned_.size()), options);
  }
  template <std::derived_from<Module> M>
  M& add() {
    return add<M>(std::string_view(std::to_string(owned_.size())));
  }

  Tensor forward(const Tensor& input) override {
    Tensor current = input;
    for (const auto& module : owned_) current = (*module)(current);
    return current;
  }

  size_t size() const noexcept { return owned_.size(); }
  // IndexError unless index < size().
  Module& operator[](size_t index) const {
    FARRO_CHECK(index < owned_.size(), IndexError, "Sequential: index must be below ", owned_.size(), ", got ", index);
    return *owned_[index];
  }
  ModuleIterator<Module> begin() const { return ModuleIterator<Module>(owned_.begin()); }
  ModuleIterator<Module> end() const { return ModuleIterator<Module>(owned_.end()); }

 private:
  std::vector<std::unique_ptr<Module>> owned_;
};

// Modules of one type under the names "0", "1", ...; the owner's forward calls them.
template <std::derived_from<ModuleBase> M>
class ModuleList : public ModuleBase {
 public:
  ModuleList(Parent parent, std::string_view name) : ModuleBase(parent, name) { only_groups_ = true; }

  template <class... Args>
  M& add(Args&&... args) {
    owned_.push_back(std::make_unique<M>(*this, std::to_string(owned_.size()), std::forward<Args>(args)...));
    owned_.back()->train(is_training());
    return *owned_.back();
  }
  template <class N = M>
  M& add(const typename N::Options& options) {
    return add<const typename N::Options&>(options);
  }

  size_t size() const noexcept { return owned_.size(); }
  M& operator[](size_t index) const {
    FARRO_CHECK(index < owned_.size(), IndexError, "ModuleList: index must be below ", owned_.size(), ", got ", index);
    return *owned_[index];
  }
  ModuleIterator<M> begin() const { return ModuleIterator<M>(owned_.begin()); }
  ModuleIterator<M> end() const { return ModuleIterator<M>(owned_.end()); }

 private:
  std::vector<std::unique_ptr<M>> owned_;
};

}  // namespace farro::nn
