// SPDX-License-Identifier: Apache-2.0
// Reductions over a warp and a block. Every lane and thread gets the same result, and the order of the operations is
// fixed, so results do not depend on scheduling. Shuffles take 4- and 8-byte arithmetic types; reduce half in float.
#pragma once

#include <farro/kernels/simt/launch.h>
#include <farro/kernels/simt/shared.h>

namespace farro::simt {

struct Add {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a + b;
  }
};

template <class T>
__device__ T shuffle_xor(T value, int lane_mask, unsigned mask, Place where = Place::here()) {
#if defined(__CUDACC__)
  return __shfl_xor_sync(mask, value, lane_mask);
#else
  return __shfl_xor_sync(mask, value, lane_mask, kWarpSize, where);
#endif
}

__device__ inline void block_barrier(Place where = Place::here()) {
#if defined(__CUDACC__)
  __syncthreads();
#else
  __syncthreads(where);
#endif
}

// op over the 32 lanes of a warp, by a butterfly. All lanes must call it.
template <class T, class Op>
__device__ T warp_reduce(T value, Op op, Place where = Place::here()) {
  for (int offset = kWarpSize / 2; offset > 0; offset /= 2)
    value = op(value, shuffle_xor(value, offset, kFullMask, where));
  return value;
}

// op over the threads of a one-dimensional block whose size is a multiple of 32. `scratch` is shared memory of 32
// elements; it is free for reuse when the call returns. All threads must call it.
template <class T, class Op>
__device__ T block_reduce(T value, T identity, Op op, T* scratch, Place where = Place::here()) {
  const unsigned lane = threadIdx.x % kWarpSize;
  const unsigned warp = threadIdx.x / kWarpSize;
  value = warp_reduce(value, op, where);
  if (lane == 0) scratch[warp] = value;
  block_barrier(where);
  value = lane < blockDim.x / kWarpSize ? scratch[lane] : identity;
  value = warp_reduce(value, op, where);
  block_barrier(where);  // nobody may still read scratch when the caller writes it again
  return value;
}

}  // namespace farro::simt
