// SPDX-License-Identifier: Apache-2.0
// What the host runtime adds to the caching allocator's blocks: poison, sentinels, injected failures. On a GPU all of
// it is empty.
#pragma once

#include <cuda_runtime.h>

#if defined(FARRO_DEVICE_SIMT)
#include <farro/core/simt_host/launch.h>
#endif

namespace farro::cuda {

#if defined(FARRO_DEVICE_SIMT)
inline constexpr size_t kBlockSentinel = simt_host::kBlockSentinel;
inline cudaError_t guard_acquired(void* data, size_t bytes, size_t capacity, cudaStream_t stream) {
  return simt_host::acquire_block(data, bytes, capacity, stream);
}
inline cudaError_t guard_released(void* data, cudaStream_t stream) { return simt_host::release_block(data, stream); }
#else
inline constexpr size_t kBlockSentinel = 0;
inline cudaError_t guard_acquired(void*, size_t, size_t, cudaStream_t) { return cudaSuccess; }
inline cudaError_t guard_released(void*, cudaStream_t) { return cudaSuccess; }
#endif

}  // namespace farro::cuda
