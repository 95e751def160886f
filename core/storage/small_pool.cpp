#include <farro/core/storage/small_pool.h>

#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <new>

namespace farro {

namespace {

constexpr size_t kAlign = 32;
constexpr size_t kHeapAlign = 64;
constexpr size_t kClasses = kSmallBlock / kAlign;
constexpr size_t kSlabBytes = 64 << 10;
// Above this many free blocks of a class a thread hands half of them to the others.
constexpr uint32_t kMaxLocal = 512;

struct FreeBlock {
  FreeBlock* next;
};

struct List {
  FreeBlock* head;
  uint32_t count;
};

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

// Trivial, so that access compiles to a plain offset from the thread pointer, and usable while a thread ends.
[[gnu::tls_model("initial-exec")]] thread_local List local[kClasses];

void give_back(size_t index, uint32_t count) noexcept {
  List& list = local[index];
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
  bool armed = false;
  ~ThreadEnd() {
    for (size_t i = 0; i < kClasses; ++i) give_back(i, UINT32_MAX);
  }
};
thread_local ThreadEnd thread_end;

[[gnu::noinline]] void* heap_alloc(size_t bytes) {
  void* block = std::aligned_alloc(kHeapAlign, (bytes + kHeapAlign - 1) / kHeapAlign * kHeapAlign);
  if (!block) throw std::bad_alloc();
  return block;
}

[[gnu::noinline]] void* refill(size_t index) {
  thread_end.armed = true;
  List& list = local[index];
  {
    Central& shared = central();
    const std::lock_guard lock(shared.mutex);
    for (uint32_t i = 0; i < kMaxLocal / 2 && shared.lists[index]; ++i) {
      FreeBlock* block = shared.lists[index];
      shared.lists[index] = block->next;
      block->next = list.head;
      list.head = block;
      ++list.count;
    }
  }
  if (!list.head) {
    const size_t bytes = (index + 1) * kAlign;
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

void* small_alloc(size_t bytes) {
  if (!kBypassCaches && bytes <= kSmallBlock) [[likely]] {
    const size_t index = bytes ? (bytes - 1) / kAlign : 0;
    List& list = local[index];
    if (FreeBlock* block = list.head) [[likely]] {
      list.head = block->next;
      --list.count;
      return block;
    }
    return refill(index);
  }
  return heap_alloc(bytes);
}

void small_free(void* block, size_t bytes) noexcept {
  if (!kBypassCaches && bytes <= kSmallBlock) [[likely]] {
    const size_t index = bytes ? (bytes - 1) / kAlign : 0;
    List& list = local[index];
    auto* freed = static_cast<FreeBlock*>(block);
    freed->next = list.head;
    list.head = freed;
    if (++list.count > kMaxLocal) [[unlikely]] give_back(index, kMaxLocal / 2);
    return;
  }
  std::free(block);
}

}  // namespace farro
