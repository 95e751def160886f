// SPDX-License-Identifier: Apache-2.0
// Records the calls of a thread and runs them again. A call keeps bare copies of its tensors' records, so replaying
// reads and writes the same memory without history.
#include <farro/core/op/recorder.h>

namespace farro {

namespace {

// The same elements in a record of their own: no history, no gradient.
Tensor bare(const Tensor& tensor) {
  if (!tensor.defined()) return {};
  const TensorImpl& from = *tensor.impl();
  auto record = Ref<TensorImpl>::adopt(
      new TensorImpl(from.storage, from.offset, from.sizes, from.strides, from.numel, from.dtype));
  record->wrapped_number = from.wrapped_number;
  return Tensor(std::move(record));
}

}  // namespace

RecordedCall::RecordedCall(const CallEvent& event)
    : op_(&event.op),
      form_(event.form),
      device_(event.device),
      variant_(event.variant),
      cost_(event.cost),
      args_(event.op.own(event.args, &bare)) {
  for (const Tensor& output : event.outputs) {
    outputs_.push_back(bare(output));
    if (output.defined()) written_.push_back(output.impl()->storage);
  }
  if (op_->changed) op_->changed(event.args, [&](const Tensor& tensor) { written_.push_back(tensor.impl()->storage); });
}

std::string RecordedCall::describe() const {
  std::string text;
  op_->lend(args_.get(), [&](const void* args) { text = op_->describe(args); });
  return text;
}

void RecordedCall::visit(ArgVisitor& visitor) const {
  op_->lend(args_.get(), [&](const void* args) { op_->visit(args, visitor); });
}

void RecordedCall::run() const {
  for (const Ref<Storage>& storage : written_) storage->bump_version();  // also where the kernel throws
  op_->run(args_.get(), outputs_, form_, variant_);
}

static thread_local int not_recorded = 0;

NotRecorded::NotRecorded() noexcept { ++not_recorded; }
NotRecorded::~NotRecorded() { --not_recorded; }

class Recorder::Listener final : public CallListener {
 public:
  explicit Listener(Recorder& recorder) : recorder_(recorder), thread_(std::this_thread::get_id()) {
    add_call_listener(*this);
  }
  ~Listener() override { remove_call_listener(*this); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  void begin(const CallEvent&) noexcept override {}
  void end(const CallEvent& event) noexcept override {
    // What an op calls within itself is replayed by it; a view does nothing, as the records already say where it
    // points.
    if (event.depth > 0 || event.failed || event.form == CallForm::view || event.device.is_meta()) return;
    if (std::this_thread::get_id() == thread_ && !not_recorded) recorder_.keep(event);
  }

 private:
  Recorder& recorder_;
  const std::thread::id thread_;
};

Recorder::Recorder() = default;
Recorder::~Recorder() = default;

Recorder::Scope::Scope(Recorder& recorder) : recorder_(recorder) {
  recorder.check_idle("record");
  recorder.listener_ = std::make_unique<Listener>(recorder);
}
Recorder::Scope::~Scope() { recorder_.listener_.reset(); }

void Recorder::check_idle(const char* function) const {
  FARRO_CHECK(!listener_, ValueError, "Recorder: ", function, "() must not be called while it records");
}

void Recorder::keep(const CallEvent& event) {
  if (error_) return;
  try {
    calls_.emplace_back(event);
    if (event.form != CallForm::plain) return;
    for (const Tensor& output : event.outputs) {
      const Storage* storage = output.defined() ? output.impl()->storage.get() : nullptr;
      // Memory that lives because of the recording: outputs of plain calls, each storage once.
      if (storage && own_.insert(storage).second) bytes_ += storage->bytes();
    }
  } catch (...) {
    error_ = std::current_exception();  // a listener does not throw: replay() does
  }
}

void Recorder::replay() const {
  check_idle("replay");
  if (error_) std::rethrow_exception(error_);
  for (const RecordedCall& call : calls_) call.run();
}

void Recorder::clear() {
  check_idle("clear");
  calls_.clear();
  own_.clear();
  bytes_ = 0;
  error_ = nullptr;
}

}  // namespace farro
