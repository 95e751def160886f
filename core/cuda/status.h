// SPDX-License-Identifier: Apache-2.0
// Every status of a CUDA call goes through check(), which turns a failure into BackendError; nothing is swallowed but
// in destructors, where the error is sticky and the next call reports it. Used by core/cuda and kernels/simt/launch.h.
#pragma once

#include <farro/core/api.h>

#include <cuda_runtime.h>

namespace farro::cuda {

// Throws BackendError "cuda: <operation> must succeed, got <name>: <text>".
FARRO_API void check(cudaError_t status, const char* operation);

// The same for the launch of a kernel of op `name`: the message tells the grid, the block and the shared memory.
FARRO_API void check_launch(cudaError_t status, const char* name, dim3 grid, dim3 block, size_t shared_bytes);

// Makes `device` the calling thread's current CUDA device for its lifetime.
class FARRO_API DeviceScope {
 public:
  explicit DeviceScope(int device);
  ~DeviceScope();
  DeviceScope(const DeviceScope&) = delete;
  DeviceScope& operator=(const DeviceScope&) = delete;

 private:
  int previous_ = 0;
  bool changed_ = false;
};

}  // namespace farro::cuda
