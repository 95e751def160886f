// SPDX-License-Identifier: Apache-2.0
// The whole fake machine: devices with their memory, streams as queues of work, events, and the block runner. One lock
// guards all of it, and work runs under that lock on whichever thread drains a queue.
// Invariant: work of one stream runs in issue order, and after the events it waits for; nothing else is promised. The
// adversarial schedule leaves work queued until somebody waits for it, and then takes streams in random order, so that
// a forgotten wait fails.
#pragma once

#include <farro/core/api.h>
#include <farro/core/simt_host/block.h>
#include <farro/core/simt_host/control.h>
#include <farro/core/simt_host/memory.h>

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace farro::simt_host {

// Each cudaEventRecord has a number; the event has happened up to `done`. Work that waits holds the state, not the
// event.
struct EventState {
  uint64_t recorded = 0;
  uint64_t done = 0;
};

class Event {
 public:
  explicit Event(int device_index) : device(device_index), state(std::make_shared<EventState>()) {}
  const int device;
  const std::shared_ptr<EventState> state;
};

struct FARRO_API Work {
  std::function<void()> run;              // may be empty
  std::shared_ptr<EventState> waits_for;  // null, or not before it reaches `number`
  std::shared_ptr<EventState> records;    // null, or brought to `number`
  uint64_t number = 0;
};

class Stream {
 public:
  explicit Stream(int device_index) : device(device_index) {}
  const int device;
  std::deque<Work> queue;
};

class FARRO_API Machine {
 public:
  // While one lives, this machine's memory may be touched. They nest; the lock must be held.
  class Access {
   public:
    explicit Access(Machine& machine);
    ~Access();
    Access(const Access&) = delete;
    Access& operator=(const Access&) = delete;

   private:
    Machine& machine_;
  };

  static Machine& get();  // never destroyed: tensors of static lifetime may be freed last

  std::recursive_mutex& mutex() noexcept { return mutex_; }

  int device_count() const noexcept { return static_cast<int>(memories_.size()); }
  DeviceMemory& memory(int device) { return *memories_[static_cast<size_t>(device)]; }

  Stream* create_stream(int device);
  void destroy_stream(Stream* stream);
  Stream& resolve(Stream* stream, int current_device);  // null is the device's default stream

  void enqueue(Stream& stream, Work work);
  // Runs at least everything queued on `stream`, and whatever it depends on.
  void drain(Stream& stream);
  void drain_event(EventState& event, uint64_t number);
  void drain_device(int device);
  void drain_all();

  void launch(Stream& stream, KernelCall call);

  const Schedule& schedule() const noexcept { return schedule_; }
  void set_schedule(const Schedule& schedule);
  const Counters& counters() const noexcept { return counters_; }

  void fail_allocation_after(int64_t count) { allocations_left_ = count; }
  bool next_allocation_fails();

 private:
  Machine();
  static bool ready(const Stream& stream);
  static bool idle(const Stream& stream) { return stream.queue.empty(); }
  // Runs queued work in schedule order until done() holds. `preferred` is the stream somebody waits for, or null.
  template <class Done>
  void run_until(const Done& done, Stream* preferred);
  Stream& pick(Stream* preferred);
  void run_front(Stream& stream);

  std::recursive_mutex mutex_;
  Schedule schedule_;
  Random random_;
  Counters counters_;
  std::vector<std::unique_ptr<DeviceMemory>> memories_;
  std::vector<std::unique_ptr<Stream>> streams_;  // the first device_count() are the default streams
  std::unique_ptr<BlockRunner> runner_;
  int64_t allocations_left_ = -1;
  int access_depth_ = 0;
};

}  // namespace farro::simt_host
