// SPDX-License-Identifier: Apache-2.0
// The stream-ordered caching allocator of one device. cudaMalloc and cudaFree wait for the whole device, so memory is
// taken in segments, handed out in blocks, and kept for reuse.
//
// A block belongs to the stream it was allocated on, for ever: it is reused only by that stream, so whatever the stream
// still has queued for its former owner runs first, and no event is needed. A tensor that another stream uses must be
// kept alive by its user until an event of that stream has passed.
//
// Requests are rounded to 512 bytes. Up to 1 MiB they are cut from 2 MiB segments, up to 10 MiB from 20 MiB segments,
// and above that each has a segment of its own, a multiple of 2 MiB. The smallest cached block that fits is taken and
// split if the rest is worth keeping; a freed block merges with free neighbours. When the device is full, all segments
// that are wholly free go back to it and the request is tried once more, before OutOfMemoryError tells the figures.
// Thread-safe.
#pragma once

#include <farro/core/device/backend.h>

#include <cuda_runtime.h>

#include <cstddef>
#include <memory>
#include <mutex>
#include <set>
#include <unordered_map>

namespace farro::cuda {

class CachingAllocator {
 public:
  explicit CachingAllocator(int device) : device_(device) {}
  CachingAllocator(const CachingAllocator&) = delete;
  CachingAllocator& operator=(const CachingAllocator&) = delete;

  void* allocate(size_t bytes, cudaStream_t stream);
  void deallocate(void* data) noexcept;
  Backend::MemoryStats stats() const;
  void empty_cache();

 private:
  // A piece of a segment; its neighbours in the segment are linked. Free blocks are in free_, the others in used_.
  struct Block {
    char* data;
    size_t size;
    cudaStream_t stream;
    bool small;
    bool free = false;
    Block* previous = nullptr;
    Block* next = nullptr;
  };
  struct BySize {
    bool operator()(const Block* a, const Block* b) const noexcept;
  };

  Block* find_cached(size_t size, bool small, cudaStream_t stream);
  Block* new_segment(size_t size, bool small, cudaStream_t stream);
  void split(Block& block, size_t size);
  void add_free(Block* block);
  Block* merge(Block* block, Block* neighbour);
  void release_cached_segments();
  [[noreturn]] void fail_out_of_memory(size_t bytes) const;

  const int device_;
  mutable std::mutex mutex_;
  std::unordered_map<const Block*, std::unique_ptr<Block>> blocks_;
  std::set<Block*, BySize> free_;
  std::unordered_map<void*, Block*> used_;
  Backend::MemoryStats stats_;
};

}  // namespace farro::cuda
