// SPDX-License-Identifier: Apache-2.0
// Ranges of the profile for every op call, with its arguments, variant and cost as notes.
#include <farro/core/profile/op_ranges.h>

#include <farro/core/op/call_listener.h>
#include <farro/core/profile/profile.h>

#include <atomic>
#include <vector>

namespace farro::detail {

namespace {

// Ops nest (a kernel may call others), so each thread keeps its open ranges.
thread_local std::vector<OpenRange*> open_ranges;
// A profile that stopped within a call left its range behind, which must not be taken for one of the next.
std::atomic<uint64_t> profile_number{0};
thread_local uint64_t thread_profile = 0;

class OpRanges final : public CallListener {
 public:
  void begin(const CallEvent& event) noexcept override {
    if (thread_profile != profile_number) {
      open_ranges.clear();
      thread_profile = profile_number;
    }
    OpenRange* range = open_range(event.name(), "op");
    open_ranges.push_back(range);
    if (!range) return;
    note_on_range(range, "args", event.describe());
    note_on_range(range, "variant", event.variant);
    if (event.form != CallForm::plain) note_on_range(range, "form", name(event.form));
    if (event.depth) note_on_range(range, "depth", str(event.depth));
    note_on_range(range, "flops", str(event.cost.flops));
    note_on_range(range, "bytes", str(event.cost.bytes));
  }
  void end(const CallEvent& event) noexcept override {
    if (thread_profile != profile_number || open_ranges.empty()) return;  // the profile began within the call
    if (OpenRange* range = open_ranges.back()) {
      if (event.counts.scratch) note_on_range(range, "scratch", str(event.counts.scratch));
      if (event.counts.copied) note_on_range(range, "copied", str(event.counts.copied));
      close_range(range);
    }
    open_ranges.pop_back();
  }
};

OpRanges& op_ranges() {
  static OpRanges instance;
  return instance;
}

}  // namespace

void listen_to_ops() {
  ++profile_number;
  add_call_listener(op_ranges());
}
void stop_listening_to_ops() noexcept { remove_call_listener(op_ranges()); }

}  // namespace farro::detail
