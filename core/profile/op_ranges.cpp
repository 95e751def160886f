#include <farro/core/profile/op_ranges.h>

#include <farro/core/op/op.h>
#include <farro/core/profile/profile.h>

#include <vector>

namespace farro::detail {

namespace {

// Ops nest (a kernel may call others), so each thread keeps its open ranges.
thread_local std::vector<OpenRange*> open_ranges;

class OpRanges final : public CallListener {
 public:
  void begin(const CallEvent& event) noexcept override {
    OpenRange* range = open_range(event.op, "op");
    open_ranges.push_back(range);
    if (!range) return;
    note_on_range(range, "args", event.describe_args(event.args));
    note_on_range(range, "variant", name(event.variant));
    note_on_range(range, "flops", str(event.cost.flops));
    note_on_range(range, "bytes", str(event.cost.bytes));
  }
  void end(const CallEvent&) noexcept override {
    if (OpenRange* range = open_ranges.back()) close_range(range);
    open_ranges.pop_back();
  }
};

OpRanges& op_ranges() {
  static OpRanges instance;
  return instance;
}

}  // namespace

void listen_to_ops() noexcept { set_call_listener(&op_ranges()); }
void stop_listening_to_ops() noexcept { set_call_listener(nullptr); }

}  // namespace farro::detail
