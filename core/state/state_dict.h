// SPDX-License-Identifier: Apache-2.0
// StateDict: tensors by name, in order. Modules, optimizers, schedules and data loaders all give and take one, numbers
// being 0-dim tensors, so that a checkpoint is the union of them under prefixes.
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace farro {

using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

class FARRO_API StateDict {
 public:
  StateDict() = default;
  // ValueError where a name occurs twice or is no UTF-8.
  StateDict(NamedTensors entries);

  // Adds an entry or replaces it. ValueError for a name that is no UTF-8: no file could hold it.
  void set(std::string_view name, const Tensor& tensor);
  // Kept exactly: f64, i64 or bool.
  void set_number(std::string_view name, Scalar value);
  // What refers into the dict is not had from a temporary: `for (auto& [name, tensor] : net.state_dict().entries())`
  // would walk freed memory, and there copies.
  const Tensor* find(std::string_view name) const& noexcept;  // null where there is none
  const Tensor* find(std::string_view name) && = delete;
  bool contains(std::string_view name) const noexcept { return find(name) != nullptr; }
  // ValueError that names the nearest key where there is none.
  const Tensor& at(std::string_view name) const&;
  Tensor at(std::string_view name) && { return static_cast<const StateDict&>(*this).at(name); }
  // ValueError also where it has more than one element, and integer() where that is no whole number of 64 bits.
  double number(std::string_view name) const;
  int64_t integer(std::string_view name) const;

  // All of `other` under "<prefix>.".
  void add(std::string_view prefix, const StateDict& other);
  // The entries under "<prefix>.", without it.
  StateDict below(std::string_view prefix) const;
  // With tensors of its own: a snapshot that later training does not change.
  StateDict clone() const;

  const NamedTensors& entries() const& noexcept { return entries_; }
  NamedTensors entries() && { return std::move(entries_); }
  size_t size() const noexcept { return entries_.size(); }
  bool empty() const noexcept { return entries_.empty(); }
  auto begin() const noexcept { return entries_.begin(); }
  auto end() const noexcept { return entries_.end(); }

 private:
  const Tensor& single(std::string_view name) const;  // of one element

  NamedTensors entries_;
  std::map<std::string, size_t, std::less<>> index_;
};

// What did not fit when a state dict was loaded.
struct LoadReport {
  struct Name {
    std::string name;
    std::string nearest;  // on the other side; empty where nothing is near
  };
  struct Mismatch {
    std::string name;
    Shape expected;
    Shape got;
  };
  std::vector<Name> missing;     // the module has it, the state does not
  std::vector<Name> unexpected;  // the state has it, the module does not
  std::vector<Mismatch> misshaped;

  bool clean() const noexcept { return missing.empty() && unexpected.empty() && misshaped.empty(); }
};
// One line a fault; empty for a clean report.
FARRO_API std::string to_string(const LoadReport& report);

// The name with the smallest edit distance to `name`; empty where all differ in more than half of their letters.
FARRO_API std::string nearest_name(std::string_view name, const std::vector<std::string>& among);

}  // namespace farro
