// SPDX-License-Identifier: Apache-2.0
// What module.cpp and weights.cpp share of ModuleBase's private parts.
#pragma once

#include <farro/nn/module/module.h>

#include <type_traits>

namespace farro::nn {

template <class Fn>
void ModuleBase::for_each_entry(const std::string& prefix, Fn&& fn) const {
  for (const Entry& entry : entries_) {
    if constexpr (std::is_invocable_v<Fn, std::string, const Entry&, const ModuleBase&>) {
      fn(prefix + entry.name, entry, *this);
    } else {
      fn(prefix + entry.name, entry);
    }
  }
  for (const ModuleBase* child : children_) child->for_each_entry(prefix + child->name_ + ".", fn);
}

}  // namespace farro::nn
