// SPDX-License-Identifier: Apache-2.0
// The one place where calls of operations can be seen: every form of call, on every thread, with what went in and what
// comes out. The profile, summary() and the recorder are listeners; there may be any number at once.
#pragma once

#include <farro/core/api.h>
#include <farro/core/op/ctx.h>
#include <farro/core/op/op_methods.h>

#include <atomic>

namespace farro {

struct CallEvent {
  const OpMethods& op;
  CallForm form;
  Device device;        // meta: nothing is computed
  const char* variant;  // "" where no kernel runs
  Cost cost;
  TensorList outputs;   // allocated, not yet written at begin(); in place: the target; mutating: none
  const void* args;     // the op's Args; valid until end() returns
  int depth = 0;        // calls that this thread is within
  Ctx::Counts counts;   // of the kernel; at end()
  bool failed = false;  // at end(): the kernel threw

  const char* name() const noexcept { return op.info.name; }
  std::string describe() const { return op.describe(args); }
  void visit(ArgVisitor& visitor) const { op.visit(args, visitor); }
};

// Calls come from any thread; implementations do not throw.
class FARRO_API CallListener {
 public:
  virtual ~CallListener() = default;
  virtual void begin(const CallEvent& event) noexcept = 0;
  virtual void end(const CallEvent& event) noexcept = 0;
};

// A listener hears the calls that begin after it was added and, once remove_call_listener() has returned, is not called
// again: removal waits for calls that it is hearing on other threads. It must not be removed from within begin() or
// end(). A listener that is there already is not added again.
FARRO_API void add_call_listener(CallListener& listener);
FARRO_API void remove_call_listener(CallListener& listener) noexcept;

namespace detail {
// What call<Op>() looks at: how many listeners there are.
extern FARRO_API std::atomic<int> call_listeners;
// Listeners told of begin() are told of end(), with what changed meanwhile in `event`.
class FARRO_API ListenedCall {
 public:
  explicit ListenedCall(CallEvent& event) noexcept;
  ~ListenedCall();
  ListenedCall(const ListenedCall&) = delete;
  ListenedCall& operator=(const ListenedCall&) = delete;

 private:
  CallEvent& event_;
  uint64_t last_;  // the newest listener that was told
};
}  // namespace detail

}  // namespace farro
