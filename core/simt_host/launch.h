// SPDX-License-Identifier: Apache-2.0
// Launching kernels and guarding blocks of memory on the fake machine: the runtime's own entry points beside the cuda*
// functions. Used by kernels/simt/launch.h and by core/cuda's allocator. Status and details as for cuda* functions.
#pragma once

#include <farro/core/api.h>
#include <farro/core/simt_host/block.h>
#include <farro/core/simt_host/cuda_runtime.h>

#include <span>

namespace farro::simt_host {

// A kernel's argument as bytes the runtime can check.
struct PointerArgument {
  int position;
  const void* value;
};

// Queues the kernel. Each non-null pointer must point into live memory of the stream's device.
FARRO_API cudaError_t launch_kernel(KernelCall call, std::span<const PointerArgument> pointers, cudaStream_t stream);

// The caching allocator tells which part of a segment is a tensor's: in stream order its memory is poisoned with NaN
// and gets a sentinel in [bytes, capacity). cudaErrorMemoryAllocation when a failure is injected.
FARRO_API cudaError_t acquire_block(void* data, size_t bytes, size_t capacity, cudaStream_t stream);
FARRO_API cudaError_t release_block(void* data, cudaStream_t stream);
// What a block needs beyond its bytes for the sentinel.
inline constexpr size_t kBlockSentinel = 256;

}  // namespace farro::simt_host
