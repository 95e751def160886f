// SPDX-License-Identifier: Apache-2.0
// One GPU thread: a stack of its own and a switch to and from the scheduler. Used by the block runner only.
// A fiber is started, resumed and abandoned on one OS thread; an abandoned fiber is simply started anew, and nothing on
// its stack is destroyed.
#pragma once

#include <farro/core/api.h>

#include <boost/context/detail/fcontext.hpp>
#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define FARRO_SIMT_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FARRO_SIMT_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define FARRO_SIMT_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define FARRO_SIMT_TSAN 1
#endif
#endif

namespace farro::simt_host {

class FARRO_API Fiber {
 public:
  Fiber() = default;
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Makes the next resume() call entry(argument) on a fresh stack frame. The entry must end in suspend() and not
  // return.
  void start(void (*entry)(void*), void* argument);

  void resume() {  // scheduler side
    before_switch(true);
    context_ = boost::context::detail::jump_fcontext(context_, this).fctx;
    after_switch(true);
  }
  void suspend() {  // fiber side
    before_switch(false);
    scheduler_ = boost::context::detail::jump_fcontext(scheduler_, nullptr).fctx;
    after_switch(false);
  }

 private:
  static void trampoline(boost::context::detail::transfer_t from);
#if defined(FARRO_SIMT_ASAN) || defined(FARRO_SIMT_TSAN)
  void before_switch(bool into_fiber);
  void after_switch(bool back_in_scheduler);
#else
  void before_switch(bool) {}
  void after_switch(bool) {}
#endif

  char* stack_ = nullptr;  // lowest usable byte
  boost::context::detail::fcontext_t context_ = nullptr;
  boost::context::detail::fcontext_t scheduler_ = nullptr;
  void (*entry_)(void*) = nullptr;
  void* argument_ = nullptr;
  // Used by the sanitizers' view of stacks only.
  void* sanitizer_fiber_ = nullptr;
  void* sanitizer_scheduler_ = nullptr;
  unsigned starts_ = 0;
  void* fake_stack_ = nullptr;
  const void* scheduler_stack_ = nullptr;
  size_t scheduler_stack_bytes_ = 0;
};

}  // namespace farro::simt_host
