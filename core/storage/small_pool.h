// Blocks of at most 512 bytes for the records every op makes: tensor records, small storages, graph nodes. A free list
// per thread and size class makes an allocation about ten instructions; slabs are carved from the heap and kept for reuse.
// Any thread may free a block. Under AddressSanitizer every block is a heap block of its own, so that misuse is seen.
#pragma once

#include <cstddef>

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

// 32-byte aligned; `bytes` must be given again to small_free. Above kSmallBlock they fall through to the heap.
void* small_alloc(size_t bytes);
void small_free(void* block, size_t bytes) noexcept;

// Base for classes that live in the pool.
struct Pooled {
  static void* operator new(size_t bytes) { return small_alloc(bytes); }
  static void* operator new(size_t, void* place) noexcept { return place; }
  static void operator delete(void* block, size_t bytes) noexcept { small_free(block, bytes); }
};

}  // namespace farro
