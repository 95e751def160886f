// SPDX-License-Identifier: Apache-2.0
// Host memory for storages: a cache of freed blocks by size class. Fresh memory from the system costs a page fault per
// 4 KiB, which for a convolutional network is a good part of a training step; reuse costs nothing.
#pragma once

#include <farro/core/api.h>

#include <cstddef>

namespace farro {

// 64-byte aligned, uninitialised. Throws OutOfMemoryError with the figures.
FARRO_API void* cpu_allocate(size_t bytes);
// `bytes` as in the allocation.
FARRO_API void cpu_free(void* data, size_t bytes) noexcept;

// Throws OutOfMemoryError: what was asked for, in use and cached when it failed, and the limit.
[[noreturn]] FARRO_API void throw_out_of_memory(size_t bytes);
// The least of this process's limits and the machine's memory.
FARRO_API size_t cpu_memory_limit() noexcept;

struct CpuMemoryStats {
  size_t in_use = 0;  // bytes handed out above the small-block size
  size_t peak = 0;
  size_t cached = 0;  // bytes kept for reuse
};
FARRO_API CpuMemoryStats cpu_memory_stats() noexcept;
FARRO_API void reset_cpu_memory_peak() noexcept;
// Gives cached blocks back to the system.
FARRO_API void empty_cpu_cache() noexcept;

}  // namespace farro
