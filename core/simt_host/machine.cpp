// SPDX-License-Identifier: Apache-2.0
// The fake machine: devices, streams, events and the order in which queued work runs. One lock guards it all; kernels
// run one at a time, on the thread that waits for them.
#include <farro/core/simt_host/failure.h>
#include <farro/core/simt_host/machine.h>

#include <algorithm>
#include <cstdlib>
#include <string>

namespace farro::simt_host {

namespace {
// A full queue is worked off a little, as a GPU's is; it also bounds the memory that queued copies hold.
constexpr size_t kLongestQueue = 1024;

int64_t environment_number(const char* name, int64_t otherwise, int64_t low, int64_t high) {
  const char* text = std::getenv(name);
  if (!text || !*text) return otherwise;
  char* end = nullptr;
  const long long value = std::strtoll(text, &end, 10);
  FARRO_CHECK(*end == '\0' && value >= low && value <= high, ValueError, name, ": value must be a number from ", low,
              " to ", high, ", got '", text, "'");
  return value;
}
}  // namespace

Machine& Machine::get() {
  // Never destroyed: tensors of static lifetime free device memory while the process ends.
  static Machine& machine = *new Machine;
  return machine;
}

Machine::Machine() : runner_(std::make_unique<BlockRunner>()) {
  const int64_t devices = environment_number("FARRO_SIMT_DEVICES", 1, 1, 8);
  const int64_t mebibytes = environment_number("FARRO_SIMT_MEMORY_MIB", 16384, 1, 65536);
  const bool hidden = environment_number("FARRO_SIMT_HIDE_MEMORY", 0, 0, 1) == 1;
  for (int device = 0; device < devices; ++device) {
    memories_.push_back(std::make_unique<DeviceMemory>(device, hidden));
    memories_.back()->set_limit(static_cast<size_t>(mebibytes) << 20);
    streams_.push_back(std::make_unique<Stream>(device));
  }
  if (const char* text = std::getenv("FARRO_SIMT_SCHEDULE"); text && *text) schedule_ = parse_schedule(text);
  random_ = Random(schedule_.seed);
}

Machine::Access::Access(Machine& machine) : machine_(machine) {
  if (machine_.access_depth_++ == 0)
    for (const auto& memory : machine_.memories_) memory->show();
}
Machine::Access::~Access() {
  if (--machine_.access_depth_ == 0)
    for (const auto& memory : machine_.memories_) memory->hide();
}

void Machine::set_schedule(const Schedule& schedule) {
  drain_all();
  schedule_ = schedule;
  random_ = Random(schedule.seed);
}

bool Machine::next_allocation_fails() {
  if (allocations_left_ < 0) return false;
  // From then on all fail, as on a device that is full.
  if (allocations_left_ == 0) return true;
  --allocations_left_;
  return false;
}

Stream* Machine::create_stream(int device) {
  streams_.push_back(std::make_unique<Stream>(device));
  return streams_.back().get();
}

void Machine::destroy_stream(Stream* stream) {
  const auto it = std::find_if(streams_.begin() + device_count(), streams_.end(),
                               [&](const auto& owned) { return owned.get() == stream; });
  if (it == streams_.end()) raise(cudaErrorInvalidResourceHandle, "stream must be created and destroyed once");
  // cudaStreamDestroy lets queued work finish.
  drain(*stream);
  streams_.erase(it);
}

Stream& Machine::resolve(Stream* stream, int current_device) {
  // The default streams come first in the list, one for each device.
  if (!stream) return *streams_[static_cast<size_t>(current_device)];
  for (const auto& owned : streams_)
    if (owned.get() == stream) return *stream;
  raise(cudaErrorInvalidResourceHandle, "stream must be alive");
}

void Machine::enqueue(Stream& stream, Work work) {
  stream.queue.push_back(std::move(work));
  if (schedule_.order == Order::inorder)
    drain(stream);
  else if (stream.queue.size() > kLongestQueue)
    run_until([&] { return stream.queue.size() <= kLongestQueue / 2; }, &stream);
}

bool Machine::ready(const Stream& stream) {
  if (stream.queue.empty()) return false;
  const Work& work = stream.queue.front();
  // An event may be recorded again; a wait is for the record that was the latest when it was queued.
  return !work.waits_for || work.waits_for->done >= work.number;
}

template <class Done>
void Machine::run_until(const Done& done, Stream* preferred) {
  const Access access(*this);
  // A seed either starves the streams nobody waits for or mixes all of them.
  if (schedule_.order == Order::inorder || random_.below(2)) preferred = nullptr;
  while (!done()) run_front(pick(preferred));
}

Stream& Machine::pick(Stream* preferred) {
  if (preferred && ready(*preferred)) return *preferred;
  std::vector<Stream*> candidates;
  for (const auto& stream : streams_)
    if (ready(*stream)) candidates.push_back(stream.get());
  // A recorded event always has its record queued before any wait for it, so something can always run.
  FARRO_ASSERT(!candidates.empty());
  if (schedule_.order == Order::inorder) return *candidates.front();
  return *candidates[random_.below(static_cast<uint32_t>(candidates.size()))];
}

void Machine::run_front(Stream& stream) {
  Work work = std::move(stream.queue.front());
  stream.queue.pop_front();
  try {
    if (work.run) work.run();
  } catch (...) {
    // What was queued behind a failure would compute on garbage. Events count as passed, so nobody waits forever.
    for (const auto& other : streams_) {
      for (Work& dropped : other->queue)
        if (dropped.records) dropped.records->done = std::max(dropped.records->done, dropped.number);
      other->queue.clear();
    }
    for (const auto& memory : memories_) memory->forget_guards();
    throw;
  }
  if (work.records) work.records->done = std::max(work.records->done, work.number);
}

void Machine::drain(Stream& stream) {
  run_until([&] { return stream.queue.empty(); }, &stream);
}

void Machine::drain_event(EventState& event, uint64_t number) {
  run_until([&] { return event.done >= number; }, nullptr);
}

void Machine::drain_device(int device) {
  for (size_t i = 0; i < streams_.size(); ++i)
    if (streams_[i]->device == device) drain(*streams_[i]);
}

void Machine::drain_all() {
  for (int device = 0; device < device_count(); ++device) drain_device(device);
}

void Machine::launch(Stream& stream, KernelCall call) {
  // Drawn when the kernel is launched, so that its order does not depend on what is waited for first.
  const uint64_t seed = random_.next();
  DeviceMemory& device_memory = memory(stream.device);
  enqueue(stream, {[this, seed, &device_memory, call = std::move(call)] {
                     runner_->run_grid(call, schedule_, seed, counters_);
                     try {
                       device_memory.check_sentinels();
                     } catch (const Failure& failure) {
                       raise(failure.status(), call.name, ": ", failure.what());
                     }
                   },
                   nullptr, nullptr, 0});
}

}  // namespace farro::simt_host
