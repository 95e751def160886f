// SPDX-License-Identifier: Apache-2.0
// What a child of fork() must not find half done: it has none of the parent's other threads, so a lock that one of them
// held would stay locked for ever. Threads hold a gate shared while they are inside; fork() waits until nobody is.
#pragma once

#include <pthread.h>

#include <mutex>
#include <new>
#include <shared_mutex>

namespace farro {

// One gate for each tag. Never destroyed: threads of static lifetime may compute until the end.
template <class Tag>
std::shared_mutex& fork_gate() {
  static std::shared_mutex& gate = *[] {
    auto* made = new std::shared_mutex;
    // In the child the gate is made anew: whoever held it is not there to let go.
    pthread_atfork([] { fork_gate<Tag>().lock(); }, [] { fork_gate<Tag>().unlock(); },
                   [] { new (&fork_gate<Tag>()) std::shared_mutex; });
    return made;
  }();
  return gate;
}

template <class Tag>
[[nodiscard]] std::shared_lock<std::shared_mutex> hold_off_forks() {
  return std::shared_lock(fork_gate<Tag>());
}

}  // namespace farro
