// SPDX-License-Identifier: Apache-2.0
// Host memory. Blocks above 512 bytes come from a cache by size class, since fresh memory costs a page fault for each 4
// KiB; up to that size they come from small_pool.cpp.
#include <farro/core/storage/cpu_allocator.h>

#include <farro/core/error/error.h>
#include <farro/core/storage/allocation_fault.h>
#include <farro/core/storage/small_pool.h>

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <new>
#include <vector>

namespace farro {

namespace {

// A cache line, and the widest vector.
constexpr size_t kAlign = 64;
// Blocks that would raise the cache above this go back to the system.
constexpr size_t kMaxCached = kBypassCaches ? 0 : size_t{2} << 30;

// Four classes per power of two waste at most a quarter of a block. Under AddressSanitizer blocks are exact, so that an
// access behind the last byte is seen.
size_t class_bytes(size_t bytes) noexcept {
  if (kBypassCaches) return bytes;
  const size_t step = std::max<size_t>(std::bit_floor(bytes) / 4, kAlign);
  return (bytes + step - 1) / step * step;
}
// Four lists for each power of 2, numbered in order of size.
size_t class_index(size_t rounded) noexcept {
  const size_t floor = std::bit_floor(rounded);
  return size_t(std::bit_width(floor)) * 4 + (rounded - floor) / std::max<size_t>(floor / 4, 1);
}

struct Cache {
  std::mutex mutex;
  std::vector<void*> free[64 * 4 + 4];
  CpuMemoryStats stats;
};
// Leaked on purpose: see small_pool.cpp.
Cache& cache() {
  static Cache& instance = *[] {
    auto* made = new Cache;
    // No other thread holds the lock when a child is forked: it could never take it.
    pthread_atfork([] { cache().mutex.lock(); }, [] { cache().mutex.unlock(); }, [] { cache().mutex.unlock(); });
    return made;
  }();
  return instance;
}

void* system_allocate(size_t bytes) noexcept {
  void* block = nullptr;
  return posix_memalign(&block, kAlign, bytes) == 0 ? block : nullptr;
}

void release_all(Cache& c) noexcept {
  for (auto& list : c.free) {
    for (void* block : list) std::free(block);
    list.clear();
  }
  c.stats.cached = 0;
}

}  // namespace

size_t cpu_memory_limit() noexcept {
  const long pages = ::sysconf(_SC_PHYS_PAGES), page = ::sysconf(_SC_PAGESIZE);
  size_t limit = pages > 0 && page > 0 ? static_cast<size_t>(pages) * static_cast<size_t>(page) : SIZE_MAX;
  // Limits of the process count too: under ulimit -v memory ends before the machine's does.
  for (const auto kind : {RLIMIT_AS, RLIMIT_DATA}) {
    rlimit found;
    if (::getrlimit(kind, &found) == 0 && found.rlim_cur != RLIM_INFINITY)
      limit = std::min<size_t>(limit, found.rlim_cur);
  }
  return limit;
}

void throw_out_of_memory(size_t bytes) {
  const CpuMemoryStats stats = cpu_memory_stats();
  // The text needs memory itself: what the cache holds makes room, and where that is not enough the type must do.
  empty_cpu_cache();
  try {
    fail<OutOfMemoryError>("out of memory: asked for ", bytes, " bytes on cpu, ", stats.in_use, " bytes in use, ",
                           stats.cached, " cached, limit ", cpu_memory_limit());
  } catch (const std::bad_alloc&) {
    throw OutOfMemoryError("out of memory");
  }
}

void* cpu_allocate(size_t bytes) {
  if (bytes <= kSmallBlock) return small_alloc(bytes);
  // Beyond any machine's memory; also keeps the rounding below from overflowing.
  Cache& c = cache();
  constexpr size_t kMost =
      size_t{1} << (kBypassCaches ? 40 : 48);  // AddressSanitizer ends the process above its own limit
  if (bytes >= kMost) throw_out_of_memory(bytes);
  if (detail::allocation_fault && detail::allocation_fault->strikes()) [[unlikely]]
    throw_out_of_memory(bytes);
  const size_t rounded = class_bytes(bytes);
  std::unique_lock lock(c.mutex);
  auto& list = c.free[class_index(rounded)];
  void* block = nullptr;
  if (!list.empty()) {
    block = list.back();
    list.pop_back();
    c.stats.cached -= rounded;
  } else {
    block = system_allocate(rounded);
    if (!block) {
      // The cache holds sizes that nobody asked for again: give them back, then try once more.
      release_all(c);
      block = system_allocate(rounded);
    }
    if (!block) [[unlikely]] {
      lock.unlock();
      throw_out_of_memory(bytes);
    }
  }
  c.stats.in_use += rounded;
  c.stats.peak = std::max(c.stats.peak, c.stats.in_use);
  return block;
}

void cpu_free(void* data, size_t bytes) noexcept {
  if (bytes <= kSmallBlock) return small_free(data, bytes);
  const size_t rounded = class_bytes(bytes);
  Cache& c = cache();
  const std::lock_guard lock(c.mutex);
  c.stats.in_use -= rounded;
  if (c.stats.cached + rounded <= kMaxCached) {
    try {
      c.free[class_index(rounded)].push_back(data);
      c.stats.cached += rounded;
      return;
    } catch (const std::bad_alloc&) {  // no room to note the block: give it back instead
    }
  }
  std::free(data);
}

CpuMemoryStats cpu_memory_stats() noexcept {
  const std::lock_guard lock(cache().mutex);
  return cache().stats;
}
void reset_cpu_memory_peak() noexcept {
  const std::lock_guard lock(cache().mutex);
  cache().stats.peak = cache().stats.in_use;
}
void empty_cpu_cache() noexcept {
  const std::lock_guard lock(cache().mutex);
  release_all(cache());
}

}  // namespace farro
