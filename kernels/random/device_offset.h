// SPDX-License-Identifier: Apache-2.0
// For the random .cu files: the optional offset on the device that a call's random state is moved by.
#pragma once

#include <farro/core/random/philox.h>
#include <farro/kernels/simt/launch.h>

#include <cstdint>

namespace farro::device {

// Null where a call has none.
template <class Args>
const int64_t* offset_of(const Args& args) noexcept {
  return args.offset.defined() ? static_cast<const int64_t*>(args.offset.raw_data()) : nullptr;
}

__device__ inline PhiloxState moved(PhiloxState random, const int64_t* offset) {
  if (offset) random.offset += static_cast<uint64_t>(*offset);
  return random;
}

}  // namespace farro::device
