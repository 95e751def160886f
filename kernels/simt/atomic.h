// SPDX-License-Identifier: Apache-2.0
// Atomic updates of global and shared memory. A floating-point sum by atomics depends on the order of arrival: use one
// only in variants that are declared non-deterministic.
#pragma once

#include <farro/kernels/simt/launch.h>

#include <type_traits>

namespace farro::simt {

// *address += value; returns the old value. T: float, double, int, unsigned, unsigned long long.
template <class T>
__device__ T atomic_add(T* address, std::type_identity_t<T> value) {
  return ::atomicAdd(address, value);
}

}  // namespace farro::simt
