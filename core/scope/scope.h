// SPDX-License-Identifier: Apache-2.0
// The scope stack: which module or named range the current thread is in. Pushed by every module call and named range;
// printed by errors, the profiler, summaries and reports. Each distinct path is one interned node that lives for the
// whole process, so "where am I" is a single pointer: cheap to store in every autograd node.
#pragma once

#include <farro/core/api.h>

#include <string>
#include <string_view>

namespace farro {

// One interned path. `parent` is null for the root; `name` is the last component.
struct ScopeNode {
  const ScopeNode* parent;
  std::string name;
};

// The current thread's innermost scope; null outside every scope.
FARRO_API const ScopeNode* current_scope() noexcept;

// "net.block3.fc1"; empty for null. The overload without argument describes the current scope.
FARRO_API std::string scope_path(const ScopeNode* node);
FARRO_API std::string scope_path();

// Enters a child of the current scope for the guard's lifetime.
class FARRO_API ScopeGuard {
 public:
  explicit ScopeGuard(std::string_view name);
  // Enters exactly `node`, e.g. the scope in which a backward node was recorded.
  explicit ScopeGuard(const ScopeNode* node) noexcept;
  ~ScopeGuard();
  ScopeGuard(const ScopeGuard&) = delete;
  ScopeGuard& operator=(const ScopeGuard&) = delete;

 private:
  const ScopeNode* previous_;
};

}  // namespace farro
