// SPDX-License-Identifier: Apache-2.0
// Device memory by the scheme of PyTorch's caching allocator: segments from cudaMalloc are cut into blocks, which are
// kept by stream and size when they are freed, and merged with free neighbours. A block returns to the stream that it
// came from without waiting: whatever that stream does next is ordered behind the last use.
#include <farro/core/cuda/allocator.h>
#include <farro/core/cuda/block_guard.h>
#include <farro/core/cuda/status.h>
#include <farro/core/error/error.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <tuple>

namespace farro::cuda {

namespace {
// Sizes are multiples of 512 bytes. Blocks up to 1 MiB are cut from segments of 2 MiB, up to 10 MiB from segments of 20
// MiB; above that a segment has the size asked for, rounded up to 2 MiB. Small blocks have segments of their own, or
// one that is kept for long would hold a large segment.
constexpr size_t kRound = 512;
constexpr size_t kSmall = size_t{1} << 20;
constexpr size_t kSmallSegment = size_t{2} << 20;
constexpr size_t kMiddle = size_t{10} << 20;
constexpr size_t kMiddleSegment = size_t{20} << 20;
constexpr size_t kLargeRound = size_t{2} << 20;

constexpr size_t round_up(size_t value, size_t unit) { return (value + unit - 1) / unit * unit; }

constexpr size_t segment_size(size_t size) {
  if (size <= kSmall) return kSmallSegment;
  if (size <= kMiddle) return kMiddleSegment;
  return round_up(size, kLargeRound);
}
}  // namespace

bool CachingAllocator::BySize::operator()(const Block* a, const Block* b) const noexcept {
  const auto key = [](const Block* block) {
    // Ordered so that lower_bound finds the smallest block of a stream and kind that is large enough.
    return std::tuple(reinterpret_cast<uintptr_t>(block->stream), block->small, block->size,
                      reinterpret_cast<uintptr_t>(block->data));
  };
  return key(a) < key(b);
}

void* CachingAllocator::allocate(size_t bytes, cudaStream_t stream) {
  if (bytes == 0) return nullptr;
  const std::lock_guard lock(mutex_);
  // Or rounding up would overflow.
  if (bytes > std::numeric_limits<size_t>::max() / 2) fail_out_of_memory(bytes);
  const size_t size = round_up(bytes + kBlockSentinel, kRound);
  const bool small = size <= kSmall;
  Block* block = find_cached(size, small, stream);
  if (!block) block = new_segment(size, small, stream);
  if (!block) {
    // What is cached may be all that stands between the request and the memory: give it back, then try once more.
    release_cached_segments();
    block = new_segment(size, small, stream);
  }
  if (!block) fail_out_of_memory(bytes);
  split(*block, size);
  if (const cudaError_t status = guard_acquired(block->data, bytes, block->size, stream); status != cudaSuccess) {
    add_free(block);
    if (status == cudaErrorMemoryAllocation) fail_out_of_memory(bytes);
    check(status, "allocate");
  }
  used_[block->data] = block;
  stats_.in_use += block->size;
  stats_.peak = std::max(stats_.peak, stats_.in_use);
  return block->data;
}

void CachingAllocator::deallocate(void* data) noexcept {
  if (!data) return;
  const std::lock_guard lock(mutex_);
  const auto it = used_.find(data);
  if (it == used_.end()) return;
  Block* block = it->second;
  used_.erase(it);
  stats_.in_use -= block->size;
  // A broken sentinel is found by the next kernel or synchronisation; a destructor cannot report it.
  (void)guard_released(data, block->stream);
  add_free(block);
}

CachingAllocator::Block* CachingAllocator::find_cached(size_t size, bool small, cudaStream_t stream) {
  Block wanted{nullptr, size, stream, small};
  const auto it = free_.lower_bound(&wanted);
  if (it == free_.end() || (*it)->stream != stream || (*it)->small != small) return nullptr;
  Block* block = *it;
  free_.erase(it);
  block->free = false;
  return block;
}

CachingAllocator::Block* CachingAllocator::new_segment(size_t size, bool small, cudaStream_t stream) {
  const size_t bytes = segment_size(size);
  void* data = nullptr;
  const cudaError_t status = cudaMalloc(&data, bytes);
  if (status == cudaErrorMemoryAllocation) {
    (void)cudaGetLastError();
    return nullptr;
  }
  check(status, "cudaMalloc");
  auto owned = std::make_unique<Block>(Block{static_cast<char*>(data), bytes, stream, small});
  Block* block = owned.get();
  blocks_[block] = std::move(owned);
  stats_.reserved += bytes;
  return block;
}

// Cuts what lies beyond `size` off into a free block, if it is worth keeping.
void CachingAllocator::split(Block& block, size_t size) {
  const size_t rest = block.size - size;
  // A large rest of up to 1 MiB stays with its block: as a free block of the large kind it would fit next to nothing.
  if (block.small ? rest < kRound : rest <= kSmall) return;
  auto owned = std::make_unique<Block>(Block{block.data + size, rest, block.stream, block.small});
  Block* tail = owned.get();
  blocks_[tail] = std::move(owned);
  tail->previous = &block;
  tail->next = block.next;
  if (tail->next) tail->next->previous = tail;
  block.next = tail;
  block.size = size;
  tail->free = true;
  free_.insert(tail);
}

void CachingAllocator::add_free(Block* block) {
  // Two free neighbours never stand side by side, so one merge each way is enough.
  block = merge(block, block->previous);
  block = merge(block, block->next);
  block->free = true;
  free_.insert(block);
}

// Joins a free neighbour to `block`, which is in no set; returns the joined block.
CachingAllocator::Block* CachingAllocator::merge(Block* block, Block* neighbour) {
  if (!neighbour || !neighbour->free) return block;
  free_.erase(neighbour);
  Block* low = std::min(block, neighbour, [](Block* a, Block* b) { return a->data < b->data; });
  Block* high = low == block ? neighbour : block;
  low->size += high->size;
  low->next = high->next;
  if (low->next) low->next->previous = low;
  low->free = false;
  blocks_.erase(high);
  return low;
}

void CachingAllocator::release_cached_segments() {
  for (auto it = free_.begin(); it != free_.end();) {
    Block* block = *it;
    // Part of a segment of which another part is in use.
    if (block->previous || block->next) {
      ++it;
      continue;
    }
    // cudaFree waits for the device, so work still queued on the segment has run.
    check(cudaFree(block->data), "cudaFree");
    stats_.reserved -= block->size;
    it = free_.erase(it);
    blocks_.erase(block);
  }
}

void CachingAllocator::empty_cache() {
  const std::lock_guard lock(mutex_);
  release_cached_segments();
}

Backend::MemoryStats CachingAllocator::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

void CachingAllocator::fail_out_of_memory(size_t bytes) const {
  size_t free = 0, total = 0;
  check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
  const auto mib = [](size_t value) {
    const size_t tenths = value / (size_t{1} << 20) * 10 + value % (size_t{1} << 20) * 10 / (size_t{1} << 20);
    return str(tenths / 10, '.', tenths % 10, " MiB");
  };
  fail<OutOfMemoryError>("allocate: bytes must fit in the memory of cuda:", device_, ", got ", mib(bytes), " (in use ",
                         mib(stats_.in_use), ", cached ", mib(stats_.reserved - stats_.in_use), ", free on device ",
                         mib(free), " of ", mib(total), ")");
}

}  // namespace farro::cuda
