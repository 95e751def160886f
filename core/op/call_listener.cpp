// SPDX-License-Identifier: Apache-2.0
// The listeners of op calls. Calls without a listener cost one load; with one, a shared lock, so calls of several
// threads are heard side by side and a listener may be removed at any time.
#include <farro/core/op/call_listener.h>

#include <mutex>
#include <shared_mutex>
#include <vector>

namespace farro {

std::atomic<int> detail::call_listeners{0};

namespace {

struct Listed {
  CallListener* listener;
  uint64_t number;  // in order of adding
};

struct Listeners {
  std::shared_mutex mutex;
  std::vector<Listed> list;
  uint64_t last = 0;
};

Listeners& listeners() {
  // Never destroyed: threads may still call ops while the process ends.
  static Listeners& instance = *new Listeners;
  return instance;
}

thread_local int depth = 0;

}  // namespace

const char* name(CallForm form) noexcept {
  constexpr const char* names[] = {"plain", "in_place", "view", "mutating"};
  return names[static_cast<int>(form)];
}

void add_call_listener(CallListener& listener) {
  Listeners& all = listeners();
  const std::lock_guard lock(all.mutex);
  for (const Listed& listed : all.list)
    if (listed.listener == &listener) return;
  all.list.push_back({&listener, ++all.last});
  detail::call_listeners.store(static_cast<int>(all.list.size()), std::memory_order_release);
}

void remove_call_listener(CallListener& listener) noexcept {
  Listeners& all = listeners();
  const std::lock_guard lock(all.mutex);
  std::erase_if(all.list, [&](const Listed& listed) { return listed.listener == &listener; });
  detail::call_listeners.store(static_cast<int>(all.list.size()), std::memory_order_release);
}

detail::ListenedCall::ListenedCall(CallEvent& event) noexcept : event_(event), last_(0) {
  // How many calls of this thread are open around this one.
  event_.depth = depth++;
  Listeners& all = listeners();
  const std::shared_lock lock(all.mutex);
  for (const Listed& listed : all.list) {
    listed.listener->begin(event_);
    last_ = listed.number;
  }
}

detail::ListenedCall::~ListenedCall() {
  --depth;
  Listeners& all = listeners();
  const std::shared_lock lock(all.mutex);
  for (const Listed& listed : all.list)
    // A listener that was added within the call did not hear its beginning.
    if (listed.number <= last_) listed.listener->end(event_);
}

}  // namespace farro
