// SPDX-License-Identifier: Apache-2.0
// The module path of the calling thread: interned nodes, so that a path is one pointer and lives for ever.
#include <farro/core/scope/scope.h>

#include <map>
#include <memory>
#include <mutex>

#include <pthread.h>

namespace farro {

namespace {

constinit thread_local const ScopeNode* current [[gnu::tls_model("initial-exec")]] = nullptr;

// Held while a child is forked, which could never take a lock that another thread held.
std::mutex& intern_mutex() {
  static std::mutex& mutex = *[] {
    pthread_atfork([] { intern_mutex().lock(); }, [] { intern_mutex().unlock(); }, [] { intern_mutex().unlock(); });
    return new std::mutex;
  }();
  return mutex;
}

// Children are interned under one lock; a thread reaches it only when it enters a scope, which is once per module call.
const ScopeNode* intern(const ScopeNode* parent, std::string_view name) {
  using Key = std::pair<const ScopeNode*, std::string>;
  // Leaked on purpose: autograd nodes with static lifetime may still name their scope while the process ends.
  static auto& nodes = *new std::map<Key, std::unique_ptr<ScopeNode>>;
  const std::lock_guard lock(intern_mutex());
  // One node for each path, so that paths are compared by address.
  auto& slot = nodes[Key(parent, name)];
  if (!slot) slot = std::make_unique<ScopeNode>(ScopeNode{parent, std::string(name)});
  return slot.get();
}

}  // namespace

const ScopeNode* current_scope() noexcept { return current; }

std::string scope_path(const ScopeNode* node) {
  std::string path;
  for (; node; node = node->parent) path = path.empty() ? node->name : node->name + "." + path;
  return path;
}

std::string scope_path() { return scope_path(current); }

ScopeGuard::ScopeGuard(std::string_view name) : previous_(current) { current = intern(current, name); }
ScopeGuard::ScopeGuard(const ScopeNode* node) noexcept : previous_(current) { current = node; }
ScopeGuard::~ScopeGuard() { current = previous_; }

}  // namespace farro
