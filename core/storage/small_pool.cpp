// SPDX-License-Identifier: Apache-2.0
// The slow paths of the pool of small blocks: a thread's free list that is empty is filled from a list shared between
// threads or from a new slab, one that is full gives half away. Slabs are never returned to the system.
#include <farro/core/storage/small_pool.h>

#include <farro/core/storage/allocation_fault.h>
#include <farro/core/storage/cpu_allocator.h>

#include <cstdint>
#include <cstdlib>
#include <mutex>

#include <pthread.h>

namespace farro::detail {

constinit thread_local AllocationFault* allocation_fault [[gnu::tls_model("initial-exec")]] = nullptr;

constinit thread_local FreeList free_lists[kSmallBlock / kPoolAlign] [[gnu::tls_model("initial-exec")]];

namespace {

constexpr size_t kHeapAlign = 64;
constexpr size_t kClasses = kSmallBlock / kPoolAlign;
constexpr size_t kSlabBytes = 64 << 10;

// Shared between threads; reached once in hundreds of operations.
struct Central {
  std::mutex mutex;
  FreeBlock* lists[kClasses] = {};
};
// Leaked on purpose: tensors with static storage duration free their blocks after static destructors have begun.
Central& central() {
  static Central& instance = *[] {
    auto* made = new Central;
    // No other thread holds the lock when a child is forked: it could never take it.
    pthread_atfork([] { central().mutex.lock(); }, [] { central().mutex.unlock(); }, [] { central().mutex.unlock(); });
    return made;
  }();
  return instance;
}

void give_back(size_t index, uint32_t count) noexcept {
  FreeList& list = free_lists[index];
  FreeBlock* first = list.head;
  if (!first || !count) return;
  FreeBlock* last = first;
  uint32_t moved = 1;
  for (; moved < count && last->next; ++moved) last = last->next;
  list.head = last->next;
  list.count -= moved;
  Central& shared = central();
  const std::lock_guard lock(shared.mutex);
  // A chain is handed over as a whole; only finding its end takes time, and that needs no lock.
  last->next = shared.lists[index];
  shared.lists[index] = first;
}

struct ThreadEnd {
  ThreadEnd() {
    // The lists began as if full (small_pool.h); from here on a count is what its list holds.
    for (FreeList& list : free_lists) list.count -= kMaxLocalBlocks;
  }
  ~ThreadEnd() {
    for (size_t i = 0; i < kClasses; ++i) give_back(i, UINT32_MAX);
  }
  void arm() noexcept {}
};
// Made with a thread's first allocation or, because lists begin full, its first free.
thread_local ThreadEnd thread_end;

[[gnu::noinline]] void* heap_alloc(size_t bytes) {
  void* block = nullptr;  // of exactly `bytes`, so that AddressSanitizer sees an access behind them
  if (posix_memalign(&block, kHeapAlign, bytes) == 0) return block;
  empty_cpu_cache();
  if (posix_memalign(&block, kHeapAlign, bytes) == 0) return block;
  throw_out_of_memory(bytes);
}

[[gnu::noinline]] void* refill(size_t index) {
  thread_end.arm();
  FreeList& list = free_lists[index];
  {
    Central& shared = central();
    const std::lock_guard lock(shared.mutex);
    // Half a list, so that a thread that allocates and one that frees do not come here with every block.
    for (uint32_t i = 0; i < kMaxLocalBlocks / 2 && shared.lists[index]; ++i) {
      FreeBlock* block = shared.lists[index];
      shared.lists[index] = block->next;
      block->next = list.head;
      list.head = block;
      ++list.count;
    }
  }
  if (!list.head) {
    const size_t bytes = (index + 1) * kPoolAlign;
    char* slab = static_cast<char*>(heap_alloc(kSlabBytes));
    // All blocks of a slab are of one class.
    for (size_t at = 0; at + bytes <= kSlabBytes; at += bytes) {
      auto* block = reinterpret_cast<FreeBlock*>(slab + at);
      block->next = list.head;
      list.head = block;
      ++list.count;
    }
  }
  FreeBlock* block = list.head;
  list.head = block->next;
  --list.count;
  return block;
}

// Under an AllocationFault a thread's lists are empty and count as full, so that every allocation and every free takes
// the slow path.
void divert(size_t index) noexcept {
  give_back(index, UINT32_MAX);
  free_lists[index].count = kMaxLocalBlocks;
}

}  // namespace

void* small_alloc_slow(size_t bytes) {
  if (allocation_fault && allocation_fault->strikes()) [[unlikely]]
    throw_out_of_memory(bytes);
  if (!kBypassCaches && bytes <= kSmallBlock) {
    const size_t index = (bytes - 1) / kPoolAlign;
    void* block = refill(index);
    if (allocation_fault) [[unlikely]]
      divert(index);
    return block;
  }
  return heap_alloc(bytes);
}

void small_free_slow(void* block, size_t) noexcept { std::free(block); }

void share_free_blocks(size_t size_class) noexcept {
  thread_end.arm();
  if (allocation_fault) [[unlikely]]
    return divert(size_class);
  if (free_lists[size_class].count > kMaxLocalBlocks) give_back(size_class, kMaxLocalBlocks / 2);
}

}  // namespace farro::detail

namespace farro {

AllocationFault::AllocationFault(int64_t at) : at_(at) {
  detail::thread_end.arm();
  for (size_t i = 0; i < detail::kClasses; ++i) detail::divert(i);
  detail::allocation_fault = this;
}
AllocationFault::~AllocationFault() {
  detail::allocation_fault = nullptr;
  for (detail::FreeList& list : detail::free_lists) list.count = 0;
}

}  // namespace farro
