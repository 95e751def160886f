// SPDX-License-Identifier: Apache-2.0
// Why CUDA cannot be used, in the words of what is missing instead of the runtime's status. Apart from the backend that
// asks, which needs CUDA, so that every cause can be tested.
#pragma once

#include <farro/core/api.h>

#include <string>
#include <string_view>

namespace farro {

struct CudaFacts {
  bool driver_library = false;    // libcuda.so.1 can be loaded
  int driver_version = 0;         // newest CUDA it supports, as 12020 for 12.2; 0: unknown
  int needed_version = 0;         // of the CUDA runtime that farro was built with
  const char* visible = nullptr;  // CUDA_VISIBLE_DEVICES, null where it is not set
  std::string status = {};        // what the runtime said, or empty
};

// One line, for a runtime that gave no device.
FARRO_API std::string why_no_cuda_device(const CudaFacts& facts);

// Whether code built for `architectures` (CMake's list, "80-real;90;100-virtual") runs on a device of that compute
// capability: machine code within its major version from its minor one on, intermediate code on all later devices.
FARRO_API bool runs_on(std::string_view architectures, int major, int minor) noexcept;

}  // namespace farro
