#include <farro/core/storage/small_pool.h>

#include <farro/core/storage/cpu_allocator.h>

#include <cstdint>
#include <cstdlib>
#include <mutex>

namespace farro::detail {

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
  static Central& instance = *new Central;
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
  last->next = shared.lists[index];
  shared.lists[index] = first;
}

struct ThreadEnd {
  ThreadEnd() {
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
  void* block = std::aligned_alloc(kHeapAlign, (bytes + kHeapAlign - 1) / kHeapAlign * kHeapAlign);
  if (!block) {
    empty_cpu_cache();
    block = std::aligned_alloc(kHeapAlign, (bytes + kHeapAlign - 1) / kHeapAlign * kHeapAlign);
  }
  if (!block) fail_out_of_memory(bytes);
  return block;
}

[[gnu::noinline]] void* refill(size_t index) {
  thread_end.arm();
  FreeList& list = free_lists[index];
  {
    Central& shared = central();
    const std::lock_guard lock(shared.mutex);
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

}  // namespace

void* small_alloc_slow(size_t bytes) {
  if (!kBypassCaches && bytes <= kSmallBlock) return refill((bytes - 1) / kPoolAlign);
  return heap_alloc(bytes);
}

void small_free_slow(void* block, size_t) noexcept { std::free(block); }

void share_free_blocks(size_t size_class) noexcept {
  thread_end.arm();
  if (free_lists[size_class].count > kMaxLocalBlocks) give_back(size_class, kMaxLocalBlocks / 2);
}

}  // namespace farro::detail
