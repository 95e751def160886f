// SPDX-License-Identifier: Apache-2.0
// How tests steer the host SIMT runtime: schedules, seeds, injected failures. Linked from libfarro_simt.so.
// Every setter first finishes all queued work, so a change never reorders what was issued before it.
#pragma once

#include <farro/core/api.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace farro::simt_host {

enum class Order : uint8_t {
  inorder,  // fair: work runs when issued; blocks, warps and lanes take turns in order, each to its next waiting point
  adversarial,  // streams are drained late and in random order; one random warp runs as far ahead as it can go
};

struct Schedule {
  Order order = Order::inorder;
  uint64_t seed = 0;  // of everything random; same seed and same program, same order
  friend FARRO_API bool operator==(const Schedule&, const Schedule&) = default;
};

// "inorder" or "adversarial:SEED", the syntax of FARRO_SIMT_SCHEDULE, which sets the schedule at start.
// Throws ValueError on anything else.
FARRO_API Schedule parse_schedule(std::string_view text);
FARRO_API std::string to_string(const Schedule& schedule);

FARRO_API Schedule schedule();
FARRO_API void set_schedule(const Schedule& schedule);

class FARRO_API ScheduleGuard {
 public:
  explicit ScheduleGuard(const Schedule& value) : previous_(schedule()) { set_schedule(value); }
  ~ScheduleGuard();
  ScheduleGuard(const ScheduleGuard&) = delete;
  ScheduleGuard& operator=(const ScheduleGuard&) = delete;

 private:
  Schedule previous_;
};

// After `count` more device allocations succeed (those of Backend::allocate), all further ones fail with
// OutOfMemoryError; a negative count ends that.
FARRO_API void fail_allocation_after(int64_t count);

// Size of each fake device's memory; FARRO_SIMT_MEMORY_MIB sets it at start (default 16384).
FARRO_API void set_device_memory(size_t bytes);

struct Counters {
  uint64_t launches = 0;
  uint64_t blocks = 0;
  uint64_t switches = 0;  // entries into fibers
};
FARRO_API Counters counters();

}  // namespace farro::simt_host
