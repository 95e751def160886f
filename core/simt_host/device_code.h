// SPDX-License-Identifier: Apache-2.0
// CUDA C++ for the host compiler: what kernels/simt/*.h stand on when a .cu file is built for the host runtime.
// Function names and meanings are CUDA's; each waiting point passes its source line along for the reports.
#pragma once

#include <farro/core/api.h>
#include <farro/core/simt_host/block.h>

#include <cstdint>
#include <cstring>
#include <type_traits>

// Words of the language, not of this library: nvcc knows them, a host compiler must not see them.
#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)

namespace farro::simt_host::detail {

// A shuffle of `value` where this lane wants lane `source`'s.
template <class T>
T shuffle(const char* name, unsigned mask, T value, int source, Place where) {
  static_assert(std::is_arithmetic_v<T> && sizeof(T) >= 4, "shuffles take 4- and 8-byte arithmetic types");
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  bits = BlockRunner::current(name, where).warp_operation({WarpOp::shuffle, mask, source, bits, name, where});
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

inline unsigned vote(const char* name, unsigned mask, bool predicate, Place where) {
  return static_cast<unsigned>(
      BlockRunner::current(name, where).warp_operation({WarpOp::ballot, mask, 0, predicate, name, where}));
}

inline int lane() {
  return static_cast<int>((threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z)) % kWarpSize);
}

FARRO_API void check_shuffle_arguments(const char* name, int lane_or_delta, int width, Place where);

}  // namespace farro::simt_host::detail

inline void __syncthreads(farro::simt_host::Place where = farro::simt_host::Place::here()) {
  farro::simt_host::BlockRunner::current("__syncthreads", where).barrier(where);
}

inline void __syncwarp(unsigned mask = 0xffffffffu, farro::simt_host::Place where = farro::simt_host::Place::here()) {
  using namespace farro::simt_host;
  BlockRunner::current("__syncwarp", where).warp_operation({WarpOp::sync, mask, 0, 0, "__syncwarp", where});
}

// Lanes exchange values within groups of `width`; where the wanted lane lies outside the group, the lane keeps its own
// value, except in __shfl_sync, whose lane must lie inside.
template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32,
              farro::simt_host::Place where = farro::simt_host::Place::here()) {
  using namespace farro::simt_host::detail;
  check_shuffle_arguments("__shfl_sync", source, width, where);
  return shuffle("__shfl_sync", mask, value, (lane() & ~(width - 1)) + source, where);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32,
                  farro::simt_host::Place where = farro::simt_host::Place::here()) {
  using namespace farro::simt_host::detail;
  check_shuffle_arguments("__shfl_xor_sync", lane_mask, width, where);
  return shuffle("__shfl_xor_sync", mask, value, lane() ^ lane_mask, where);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32,
                   farro::simt_host::Place where = farro::simt_host::Place::here()) {
  using namespace farro::simt_host::detail;
  check_shuffle_arguments("__shfl_down_sync", static_cast<int>(delta), width, where);
  const int source = lane() + static_cast<int>(delta);
  return shuffle("__shfl_down_sync", mask, value, (source ^ lane()) < width ? source : lane(), where);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32,
                 farro::simt_host::Place where = farro::simt_host::Place::here()) {
  using namespace farro::simt_host::detail;
  check_shuffle_arguments("__shfl_up_sync", static_cast<int>(delta), width, where);
  const int source = (lane() & (width - 1)) - static_cast<int>(delta);
  return shuffle("__shfl_up_sync", mask, value, source >= 0 ? lane() - static_cast<int>(delta) : lane(), where);
}

inline unsigned __ballot_sync(unsigned mask, int predicate,
                              farro::simt_host::Place where = farro::simt_host::Place::here()) {
  return farro::simt_host::detail::vote("__ballot_sync", mask, predicate != 0, where);
}
inline int __any_sync(unsigned mask, int predicate, farro::simt_host::Place where = farro::simt_host::Place::here()) {
  return farro::simt_host::detail::vote("__any_sync", mask, predicate != 0, where) != 0;
}
inline int __all_sync(unsigned mask, int predicate, farro::simt_host::Place where = farro::simt_host::Place::here()) {
  return farro::simt_host::detail::vote("__all_sync", mask, predicate == 0, where) == 0;
}

// One block runs at a time on one OS thread, so an atomic is a plain update. The order in which blocks and lanes come
// is the schedule's, which is how a sum that depends on the order shows.
template <class T>
T atomicAdd(T* address, std::type_identity_t<T> value) {
  const T old = *address;
  *address = old + value;
  return old;
}
template <class T>
T atomicMax(T* address, std::type_identity_t<T> value) {
  const T old = *address;
  if (value > old) *address = value;
  return old;
}
template <class T>
T atomicCAS(T* address, std::type_identity_t<T> expected, std::type_identity_t<T> value) {
  const T old = *address;
  if (old == expected) *address = value;
  return old;
}
inline void __threadfence() {}
