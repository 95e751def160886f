// SPDX-License-Identifier: Apache-2.0
// Blocks of at most 512 bytes for the records every op makes: tensor records, small storages, graph nodes. A free list
// per thread and size class makes an allocation about ten instructions; slabs are carved from the heap and kept for
// reuse. Any thread may free a block. Under AddressSanitizer every block is a heap block of its own, so that misuse is
// seen.
#pragma once

#include <farro/core/api.h>

#include <cstddef>
#include <cstdint>

namespace farro {

inline constexpr size_t kSmallBlock = 512;

// Whether freed blocks go straight to the heap instead of a cache.
#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kBypassCaches = true;
#elif defined(__has_feature)
inline constexpr bool kBypassCaches = __has_feature(address_sanitizer);
#else
inline constexpr bool kBypassCaches = false;
#endif

namespace detail {

struct FreeBlock {
  FreeBlock* next;
};
inline constexpr size_t kPoolAlign = 32;
// Above this many free blocks of a class a thread hands half of them to the others.
inline constexpr uint32_t kMaxLocalBlocks = 512;
// A thread's lists begin as if full: its first free then takes the slow path, which sees to it that they are handed on
// when the thread ends.
struct FreeList {
  FreeBlock* head = nullptr;
  uint32_t count = kMaxLocalBlocks;
};
// By size class. Trivial, so that access is a plain offset from the thread pointer, also while a thread ends.
extern FARRO_API constinit thread_local FreeList free_lists[kSmallBlock / kPoolAlign] [[gnu::tls_model(
    "initial-exec")]];

FARRO_API void* small_alloc_slow(size_t bytes);                      // an empty list, or a block above kSmallBlock
FARRO_API void small_free_slow(void* block, size_t bytes) noexcept;  // likewise
FARRO_API void share_free_blocks(size_t size_class) noexcept;

}  // namespace detail

// 32-byte aligned; `bytes` (not 0) must be given again to small_free. Above kSmallBlock they fall through to the heap.
inline void* small_alloc(size_t bytes) {
  if (!kBypassCaches && bytes <= kSmallBlock) [[likely]] {
    detail::FreeList& list = detail::free_lists[(bytes - 1) / detail::kPoolAlign];
    if (detail::FreeBlock* block = list.head) [[likely]] {
      list.head = block->next;
      --list.count;
      return block;
    }
  }
  return detail::small_alloc_slow(bytes);
}
inline void small_free(void* block, size_t bytes) noexcept {
  if (kBypassCaches || bytes > kSmallBlock) [[unlikely]]
    return detail::small_free_slow(block, bytes);
  const size_t size_class = (bytes - 1) / detail::kPoolAlign;
  detail::FreeList& list = detail::free_lists[size_class];
  auto* freed = static_cast<detail::FreeBlock*>(block);
  freed->next = list.head;
  list.head = freed;
  if (++list.count > detail::kMaxLocalBlocks) [[unlikely]]
    detail::share_free_blocks(size_class);
}

// Base for classes that live in the pool.
struct Pooled {
  static void* operator new(size_t bytes) { return small_alloc(bytes); }
  static void* operator new(size_t, void* place) noexcept { return place; }
  static void operator delete(void* block, size_t bytes) noexcept { small_free(block, bytes); }
};

}  // namespace farro
