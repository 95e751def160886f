// SPDX-License-Identifier: Apache-2.0
// Shared memory. SMEM(T, name, n) declares an array of n elements of the block; DYN_SMEM(T, name) names the dynamic
// shared memory the launch asked for, as T*. The contents are undefined at block start (NaN in the host runtime).
// Macros, because a __shared__ variable must be declared where it is used.
#pragma once

#include <farro/kernels/simt/launch.h>

#if defined(__CUDACC__)

// Bytes, because nvcc rejects __shared__ variables of types with constructors, such as half.
#define SMEM(T, name, n)                                                \
  __shared__ __align__(16) unsigned char name##_bytes[sizeof(T) * (n)]; \
  T(&name)[n] = reinterpret_cast<T(&)[n]>(name##_bytes)

#define DYN_SMEM(T, name)                                      \
  extern __shared__ __align__(128) unsigned char farro_smem[]; \
  T* const name = reinterpret_cast<T*>(farro_smem)

#else

namespace farro::simt::detail {
inline void* shared_array(const simt_host::SharedArray& array) {
  return simt_host::BlockRunner::current("SMEM", array.where).shared().array(array);
}
inline void* dynamic_shared(simt_host::Place where = simt_host::Place::here()) {
  return simt_host::BlockRunner::current("DYN_SMEM", where).shared().dynamic();
}
}  // namespace farro::simt::detail

#define SMEM(T, name, n)                                                                            \
  static constexpr ::farro::simt_host::SharedArray name##_array{sizeof(T) * (n), alignof(T), #name, \
                                                                ::farro::simt_host::Place::here()}; \
  T(&name)[n] = *static_cast<T(*)[n]>(::farro::simt::detail::shared_array(name##_array))

#define DYN_SMEM(T, name) T* const name = static_cast<T*>(::farro::simt::detail::dynamic_shared())

#endif
