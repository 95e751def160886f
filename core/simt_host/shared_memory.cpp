// SPDX-License-Identifier: Apache-2.0
// Shared memory of a block: an arena in which arrays are placed one behind the other with red zones between them,
// filled with NaN at the block's start. Red zones are compared at barriers and at the block's end; under
// AddressSanitizer they are poisoned, so that the access itself is reported.
#include <farro/core/simt_host/failure.h>
#include <farro/core/simt_host/fiber.h>
#include <farro/core/simt_host/shared_memory.h>

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#if defined(FARRO_SIMT_ASAN)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, bytes) ((void)0)
#define ASAN_UNPOISON_MEMORY_REGION(address, bytes) ((void)0)
#endif

namespace farro::simt_host {

namespace {
// More than four times what a block of compute capability 9.0 may use (227 KiB): red zones and gaps find room.
constexpr size_t kArenaBytes = 1 << 20;
constexpr size_t kRedZone = 256;
constexpr unsigned char kPoison = 0xff;  // NaN in every floating type
constexpr unsigned char kRedByte = 0xc3;

void paint_red(char* begin, char* end) {
  ASAN_UNPOISON_MEMORY_REGION(begin, end - begin);
  std::memset(begin, kRedByte, static_cast<size_t>(end - begin));
  ASAN_POISON_MEMORY_REGION(begin, end - begin);
}

// Offset of the first byte in [begin, end) that was written, or -1. The first loop has no early exit, so it vectorises.
[[gnu::no_sanitize_address]] int64_t first_written(const char* begin, const char* end) {
  unsigned char difference = 0;
  for (const char* p = begin; p != end; ++p) difference |= static_cast<unsigned char>(*p) ^ kRedByte;
  if (difference == 0) return -1;
  const char* p = begin;
  while (static_cast<unsigned char>(*p) == kRedByte) ++p;
  return p - begin;
}
}  // namespace

SharedMemory::SharedMemory() {
  void* arena = mmap(nullptr, kArenaBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (arena == MAP_FAILED) raise(cudaErrorMemoryAllocation, "no memory for the shared memory arena");
  arena_ = static_cast<char*>(arena);
}

SharedMemory::~SharedMemory() {
  end_block();
  munmap(arena_, kArenaBytes);
}

void SharedMemory::begin_block(size_t dynamic_bytes) {
  ASAN_UNPOISON_MEMORY_REGION(arena_, kArenaBytes);
  placed_.clear();
  static_bytes_ = 0;
  top_ = arena_;  // the red zone before the first array
  dynamic_bytes_ = dynamic_bytes;
  dynamic_ = place(nullptr, dynamic_bytes, 128);
}

void SharedMemory::end_block() { ASAN_UNPOISON_MEMORY_REGION(arena_, kArenaBytes); }

char* SharedMemory::place(const SharedArray* array, size_t bytes, size_t alignment) {
  // The bytes up to the next multiple of the alignment, a power of 2.
  const size_t gap = -reinterpret_cast<uintptr_t>(top_ + kRedZone) & (alignment - 1);
  char* begin = top_ + kRedZone + gap;
  if (begin + bytes + kRedZone > arena_ + kArenaBytes)
    raise(cudaErrorInvalidValue, "a block must use at most ", kSharedLimit, " bytes of shared memory");
  paint_red(top_, begin);
  ASAN_UNPOISON_MEMORY_REGION(begin, bytes);
  std::memset(begin, kPoison, bytes);
  top_ = begin + bytes;
  paint_red(top_, top_ + kRedZone);
  placed_.push_back({array, begin, bytes});
  return begin;
}

void* SharedMemory::array(const SharedArray& array) {
  for (const Placed& placed : placed_)
    if (placed.array == &array) return placed.begin;
  static_bytes_ += array.bytes;
  if (static_bytes_ > kStaticSharedLimit)
    raise(cudaErrorInvalidValue, "SMEM arrays of a block must fit in ", kStaticSharedLimit, " bytes, got ",
          static_bytes_, " with ", array.name, " at ", array.where);
  if (static_bytes_ + dynamic_bytes_ > kSharedLimit)
    raise(cudaErrorInvalidValue, "SMEM arrays and dynamic shared memory of a block must fit in ", kSharedLimit,
          " bytes, got ", static_bytes_, " + ", dynamic_bytes_, " with ", array.name, " at ", array.where);
  return place(&array, array.bytes, std::max<size_t>(array.alignment, 16));
}

void SharedMemory::check() const {
  const auto fail_at = [&](const Placed& placed, const char* side, int64_t distance) {
    const std::string what =
        placed.array ? str("array '", placed.array->name, "' (", placed.bytes, " bytes, ", placed.array->where, ")")
                     : str("dynamic shared memory (", placed.bytes, " bytes)");
    raise(cudaErrorLaunchFailure, "kernel must stay inside its shared memory, got a write ", distance, " bytes ", side,
          " ", what);
  };
  if (const int64_t offset = first_written(arena_, placed_[0].begin); offset >= 0)
    fail_at(placed_[0], "before", placed_[0].begin - arena_ - offset);
  for (size_t i = 0; i < placed_.size(); ++i) {
    const char* zone = placed_[i].begin + placed_[i].bytes;
    const char* zone_end = i + 1 < placed_.size() ? placed_[i + 1].begin : zone + kRedZone;
    if (const int64_t offset = first_written(zone, zone_end); offset >= 0)
      fail_at(placed_[i], "past the end of", offset);
  }
}

}  // namespace farro::simt_host
