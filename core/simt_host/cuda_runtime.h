// SPDX-License-Identifier: Apache-2.0
// The part of the CUDA runtime API that core/cuda uses, implemented on the host (runtime.cpp). It takes the place of
// the toolkit's <cuda_runtime.h> when the device layer is built into libfarro_simt.so. Names and meanings are CUDA's;
// where CUDA leaves a misuse undefined, this reports an error. C++ linkage, so a process may also hold the real
// libcudart.
#pragma once

#include <farro/core/api.h>

#include <cstddef>

struct uint3 {
  unsigned x = 0, y = 0, z = 0;
};
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};

enum [[nodiscard]] cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInvalidConfiguration = 9,
  cudaErrorInvalidMemcpyDirection = 21,
  cudaErrorNoDevice = 100,
  cudaErrorInvalidDevice = 101,
  cudaErrorInvalidResourceHandle = 400,
  cudaErrorLaunchFailure = 719,
  cudaErrorNotSupported = 801,
};

// In addition to CUDA's text: after an error that this thread was just told, the details the runtime knows about it.
FARRO_API const char* cudaGetErrorString(cudaError_t status);
FARRO_API const char* cudaGetErrorName(cudaError_t status);
FARRO_API cudaError_t cudaGetLastError();  // launches report at once here, so there is never a pending error

struct cudaDeviceProp {
  char name[256];
  int major;
  int minor;
  int multiProcessorCount;
  size_t totalGlobalMem;
  size_t sharedMemPerBlockOptin;
};

FARRO_API cudaError_t cudaGetDeviceCount(int* count);
FARRO_API cudaError_t cudaGetDevice(int* device);
FARRO_API cudaError_t cudaSetDevice(int device);
FARRO_API cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device);
FARRO_API cudaError_t cudaDeviceSynchronize();

FARRO_API cudaError_t cudaMalloc(void** data, size_t bytes);
FARRO_API cudaError_t cudaFree(void* data);
FARRO_API cudaError_t cudaMemGetInfo(size_t* free, size_t* total);

enum cudaMemoryType { cudaMemoryTypeUnregistered = 0, cudaMemoryTypeHost = 1, cudaMemoryTypeDevice = 2 };
struct cudaPointerAttributes {
  cudaMemoryType type;
  int device;
};
FARRO_API cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* data);

namespace farro::simt_host {
class Stream;
class Event;
}  // namespace farro::simt_host
using cudaStream_t = farro::simt_host::Stream*;
using cudaEvent_t = farro::simt_host::Event*;

inline constexpr unsigned cudaStreamNonBlocking = 1;  // the only kind supported: no implicit order between streams
inline constexpr unsigned cudaEventDisableTiming = 2;

FARRO_API cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags);
FARRO_API cudaError_t cudaStreamDestroy(cudaStream_t stream);
FARRO_API cudaError_t cudaStreamSynchronize(cudaStream_t stream);
FARRO_API cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags = 0);

FARRO_API cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags);
FARRO_API cudaError_t cudaEventDestroy(cudaEvent_t event);
FARRO_API cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
FARRO_API cudaError_t cudaEventSynchronize(cudaEvent_t event);

enum cudaMemcpyKind { cudaMemcpyHostToDevice = 1, cudaMemcpyDeviceToHost = 2, cudaMemcpyDeviceToDevice = 3 };

// Host memory counts as pageable: a copy to the device has read it when the call returns; a copy to the host is done
// only when the stream is synchronised.
FARRO_API cudaError_t cudaMemcpyAsync(void* dst, const void* src, size_t bytes, cudaMemcpyKind kind,
                                      cudaStream_t stream);
FARRO_API cudaError_t cudaMemsetAsync(void* dst, int value, size_t bytes, cudaStream_t stream);
