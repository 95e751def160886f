// SPDX-License-Identifier: Apache-2.0
// The shared memory of the block that runs: poisoned with NaN (0xff) when the block starts, each array between red
// zones that are checked at every barrier and at the block's end. Used by the block runner.
#pragma once

#include <farro/core/api.h>
#include <farro/core/simt_host/place.h>

#include <cstddef>
#include <vector>

namespace farro::simt_host {

// One SMEM array in the source; its address identifies the array, as a __shared__ variable's does.
struct SharedArray {
  size_t bytes;
  size_t alignment;
  const char* name;
  Place where;
};

inline constexpr size_t kStaticSharedLimit = 48 << 10;  // of all SMEM arrays of a block, as on every GPU
inline constexpr size_t kSharedLimit = 227 << 10;       // with dynamic shared memory, as on compute 9.0

class FARRO_API SharedMemory {
 public:
  SharedMemory();
  ~SharedMemory();
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  void begin_block(size_t dynamic_bytes);
  char* dynamic() const noexcept { return dynamic_; }
  // The array's memory in this block, created at its first use.
  void* array(const SharedArray& array);
  // Throws Failure that names the array whose neighbourhood was written.
  void check() const;
  void end_block();

 private:
  struct Placed {
    const SharedArray* array;  // null: the dynamic shared memory
    char* begin;
    size_t bytes;
  };
  char* place(const SharedArray* array, size_t bytes, size_t alignment);

  char* arena_;
  char* top_ = nullptr;  // first unused byte
  char* dynamic_ = nullptr;
  size_t dynamic_bytes_ = 0;
  size_t static_bytes_ = 0;
  std::vector<Placed> placed_;
};

}  // namespace farro::simt_host
