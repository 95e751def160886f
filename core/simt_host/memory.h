// SPDX-License-Identifier: Apache-2.0
// The memory of one fake device: an address range of its own, so that a host pointer is never mistaken for a device
// pointer. Fresh memory is NaN (0xff); each allocation ends in a sentinel that is checked after every kernel.
// Two levels: segments (cudaMalloc) and, inside them, the caching allocator's blocks, which are the tensors. Blocks
// have two lives: for the host from acquire to release, for the device from open to close, which run in stream order.
// Called under the machine's lock.
#pragma once

#include <farro/core/api.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

namespace farro::simt_host {

class FARRO_API DeviceMemory {
 public:
  // `hidden`: the host may touch the memory only between show() and hide(); otherwise it faults, as on a GPU.
  DeviceMemory(int device, bool hidden);
  ~DeviceMemory();
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  void show();
  void hide() noexcept;

  void set_limit(size_t bytes) { limit_ = bytes; }
  size_t limit() const noexcept { return limit_; }
  size_t used() const noexcept { return used_; }

  void* allocate(size_t bytes);  // null when the limit is reached
  void free(void* data);

  // Host side: the block may be passed to work issued from now on, until it is released.
  void acquire_block(void* data, size_t bytes);
  void release_block(void* data);
  // Device side: poisons the block and sets its sentinel in [bytes, capacity); checks it and poisons again.
  void open_block(void* data, size_t bytes, size_t capacity);
  void close_block(void* data);
  // After a failure that dropped queued openings and closings: what is open is no longer known.
  void forget_guards() noexcept { guards_.clear(); }

  bool owns(const void* data) const noexcept;
  // Throws Failure unless [data, data + bytes) lies in one live block, or in one segment that has no blocks.
  void check_range(const void* data, size_t bytes, const std::string& what) const;
  // Throws Failure that describes the first allocation found written past an end.
  void check_sentinels() const;

 private:
  struct Segment {
    size_t bytes = 0;
    size_t span = 0;  // address space taken, with both sentinels
    bool has_blocks = false;
  };
  struct Guard {
    size_t bytes = 0;
    size_t sentinel = 0;  // bytes of it behind the block
  };
  void check_guard(const char* data, const Guard& guard, bool front) const;
  char* find_space(size_t span);

  bool set_access(int protection) noexcept;

  int device_;
  bool hidden_;
  char* base_;
  size_t range_;        // bytes of address space
  size_t touched_ = 0;  // of them, from the start, that were ever part of a segment
  size_t limit_;
  size_t used_ = 0;
  std::map<char*, Segment> segments_;
  std::map<char*, size_t> blocks_;  // live for the host: begin, bytes
  std::map<char*, Guard> guards_;   // live for the device
};

}  // namespace farro::simt_host
