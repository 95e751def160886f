// SPDX-License-Identifier: Apache-2.0
// Records the calls that a thread makes and runs them again, to the bit:
//
//     Recorder step;
//     {
//       const auto recording = step.record();
//       optimizer.zero_grad();
//       cross_entropy(net(x), y).backward();
//       optimizer.step();
//     }
//     x.copy_(next_x), y.copy_(next_y);
//     step.replay();    // the next step: no checks, no allocation of outputs, no graph
//
// A tensor of a call is its storage and where it lies therein. Storages that calls allocated while recording are the
// recording's own and live as long as it does, so that no two tensors share memory that they did not share then. All
// other storages (parameters, inputs, optimizer state) are the live ones: a replay reads what they hold now and leaves
// there what the calls left. Outputs that the program still holds (the loss, gradients) show the values of the last
// replay.
//
// What a replay repeats is the calls, not the program around them:
//   - What the program read and decided (item(), a branch, the number of true elements of a mask) stays as it was, as
//     does what it wrote by itself through data<T>(), outside calls.
//   - Numbers given to calls are repeated: the learning rate, Adam's bias correction, the state of the random
//     generator, hence the masks of dropout.
//   - Casts that an autocast scope made before the recording are not part of it: open the scope within the recording.
//   - Gradients go to the memory they had. A recording that starts with undefined gradients overwrites them.
// The capturable forms of optimizers and generators (set_capturable()) keep learning rate, step count and random offset
// in tensors instead, so that a replay goes on with them.
// Only the outermost calls of the recording thread are kept, without views, meta tensors and calls that threw.
#pragma once

#include <farro/core/api.h>
#include <farro/core/op/call_listener.h>

#include <exception>
#include <thread>
#include <unordered_set>
#include <vector>

namespace farro {

// One call: what ran, on what.
class FARRO_API RecordedCall {
 public:
  // Throws OutOfMemoryError.
  explicit RecordedCall(const CallEvent& event);

  const char* name() const noexcept { return op_->info.name; }
  const OpMethods& op() const noexcept { return *op_; }
  CallForm form() const noexcept { return form_; }
  Device device() const noexcept { return device_; }
  const char* variant() const noexcept { return variant_; }
  const Cost& cost() const noexcept { return cost_; }
  // Allocated by the call; in place: the target; mutating: none.
  TensorList outputs() const noexcept { return outputs_; }
  std::string describe() const;
  void visit(ArgVisitor& visitor) const;

 private:
  friend class Recorder;
  void run() const;

  const OpMethods* op_;
  CallForm form_;
  Device device_;
  const char* variant_;
  Cost cost_;
  std::shared_ptr<const void> args_;
  std::vector<Tensor> outputs_;
  std::vector<Ref<Storage>> written_;  // their versions change
};

// While it lives, calls of its thread are not recorded: what they make is there once and no part of a step.
class FARRO_API NotRecorded {
 public:
  NotRecorded() noexcept;
  ~NotRecorded();
  NotRecorded(const NotRecorded&) = delete;
  NotRecorded& operator=(const NotRecorded&) = delete;
};

class FARRO_API Recorder {
 public:
  // Records while it lives, on the thread that made it, where it must also end.
  class [[nodiscard]] Scope {
   public:
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    friend class Recorder;
    explicit Scope(Recorder& recorder);
    Recorder& recorder_;
  };

  Recorder();
  ~Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  // Adds the calls to those that are there. ValueError while another scope of this recorder lives.
  Scope record() { return Scope(*this); }
  // Runs all calls in order, on the calling thread and its current streams. Throws what a kernel throws (an index out
  // of range); calls before it have run then. OutOfMemoryError where there was no memory to keep a call, ValueError
  // while recording.
  void replay() const;
  // ValueError while recording.
  void clear();

  const std::vector<RecordedCall>& calls() const noexcept { return calls_; }
  size_t size() const noexcept { return calls_.size(); }
  // Of the storages that are the recording's own.
  size_t bytes() const noexcept { return bytes_; }

 private:
  class Listener;
  void keep(const CallEvent& event);
  void check_idle(const char* function) const;

  std::unique_ptr<Listener> listener_;  // while recording
  std::vector<RecordedCall> calls_;
  std::unordered_set<const Storage*> own_;
  size_t bytes_ = 0;
  std::exception_ptr error_;  // a call could not be kept
};

}  // namespace farro
