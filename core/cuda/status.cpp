// SPDX-License-Identifier: Apache-2.0
// Status codes of CUDA calls as typed errors, and the guard that switches the current device for a call.
#include <farro/core/cuda/status.h>
#include <farro/core/error/error.h>

namespace farro::cuda {

void check(cudaError_t status, const char* operation) {
  if (status == cudaSuccess) [[likely]]
    return;
  const std::string text = cudaGetErrorString(status);
  (void)cudaGetLastError();  // not sticky: the next call must not report it again
  fail<BackendError>("cuda: ", operation, " must succeed, got ", cudaGetErrorName(status), ": ", text);
}

void check_launch(cudaError_t status, const char* name, dim3 grid, dim3 block, size_t shared_bytes) {
  if (status == cudaSuccess) [[likely]]
    return;
  const std::string text = cudaGetErrorString(status);
  (void)cudaGetLastError();
  fail<BackendError>(name, ": kernel must run, got ", cudaGetErrorName(status), ": ", text, " (grid ", grid.x, "x",
                     grid.y, "x", grid.z, ", block ", block.x, "x", block.y, "x", block.z, ", shared memory ",
                     shared_bytes, " bytes)");
}

DeviceScope::DeviceScope(int device) {
  check(cudaGetDevice(&previous_), "cudaGetDevice");
  if (device == previous_) return;
  check(cudaSetDevice(device), "cudaSetDevice");
  changed_ = true;
}

DeviceScope::~DeviceScope() {
  // A destructor cannot report a failure; the next call that needs the device will.
  if (changed_) (void)cudaSetDevice(previous_);
}

}  // namespace farro::cuda
