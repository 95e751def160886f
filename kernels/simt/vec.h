// SPDX-License-Identifier: Apache-2.0
// Loads and stores of 16 bytes at once, the widest a thread can do. On a GPU a misaligned one is a fault; the host
// runtime reports it.
#pragma once

#include <farro/kernels/simt/launch.h>

#if !defined(__CUDACC__)
#include <farro/core/simt_host/failure.h>
#endif

namespace farro::simt {

inline constexpr int kVectorBytes = 16;

template <class T>
struct alignas(kVectorBytes) Vec {
  static constexpr int size = kVectorBytes / sizeof(T);
  T at[size];
};

// Whether rows of `stride` elements, the first at `data`, can all be read as Vec<T>. True for null.
template <class T>
__host__ __device__ bool vectorizable(const T* data, int64_t stride) {
  return reinterpret_cast<uintptr_t>(data) % kVectorBytes == 0 && stride % Vec<T>::size == 0;
}

namespace detail {
template <class T>
__device__ void check_aligned(const T* data) {
#if !defined(__CUDACC__)
  if (reinterpret_cast<uintptr_t>(data) % kVectorBytes != 0)
    simt_host::raise(cudaErrorLaunchFailure, "vector access must be aligned to 16 bytes, got address modulo 16 = ",
                     reinterpret_cast<uintptr_t>(data) % kVectorBytes);
#endif
}
}  // namespace detail

template <class T>
__device__ Vec<T> load_vec(const T* data) {
  detail::check_aligned(data);
  return *reinterpret_cast<const Vec<T>*>(data);
}

template <class T>
__device__ void store_vec(T* data, const Vec<T>& value) {
  detail::check_aligned(data);
  *reinterpret_cast<Vec<T>*>(data) = value;
}

// Up to Vec<T>::size elements: at once where `vectors` says that all of them are there and aligned, else one by one.
template <class T>
__device__ Vec<T> load_run(const T* data, int count, bool vectors) {
  if (vectors) return load_vec(data);
  Vec<T> value{};
  for (int i = 0; i < count; ++i) value.at[i] = data[i];
  return value;
}

template <class T>
__device__ void store_run(T* data, const Vec<T>& value, int count, bool vectors) {
  if (vectors) return store_vec(data, value);
  for (int i = 0; i < count; ++i) data[i] = value.at[i];
}

}  // namespace farro::simt
