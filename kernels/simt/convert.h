// SPDX-License-Identifier: Apache-2.0
// Elements of a dtype that is known at run time only, read and written by device code in a compute type.
#pragma once

#include <farro/core/dtype/dtype.h>
#include <farro/core/dtype/half.h>
#include <farro/kernels/simt/launch.h>

#include <cstdint>
#include <type_traits>

namespace farro::device {

// Element `at` of an array of a run-time dtype, as a value of type C.
template <class C>
__host__ __device__ C load_as(const void* data, int64_t at, DType dtype) {
  switch (dtype) {
    case DType::f64: return static_cast<C>(static_cast<const double*>(data)[at]);
    case DType::f32: return static_cast<C>(static_cast<const float*>(data)[at]);
    case DType::f16: return static_cast<C>(float(static_cast<const half*>(data)[at]));
    case DType::bf16: return static_cast<C>(float(static_cast<const bfloat16*>(data)[at]));
    case DType::i64: return static_cast<C>(static_cast<const int64_t*>(data)[at]);
    case DType::i32: return static_cast<C>(static_cast<const int32_t*>(data)[at]);
    case DType::i16: return static_cast<C>(static_cast<const int16_t*>(data)[at]);
    case DType::i8: return static_cast<C>(static_cast<const int8_t*>(data)[at]);
    default: return static_cast<C>(static_cast<const uint8_t*>(data)[at]);  // u8, and bool as 0 or 1
  }
}

// Integers wrap into narrower ones; floating values saturate at 64 bits first, and NaN gives 0, as on the CPU.
template <class V>
__device__ int64_t to_int64(V value) {
  if constexpr (std::is_floating_point_v<V>) {
    if (!(value >= V(-9223372036854775808.0))) return value != value ? 0 : INT64_MIN;
    if (value >= V(9223372036854775808.0)) return INT64_MAX;
  }
  return static_cast<int64_t>(value);
}

template <class V>
__device__ void store_as(void* data, int64_t at, DType dtype, V value) {
  switch (dtype) {
    case DType::f64: static_cast<double*>(data)[at] = static_cast<double>(value); break;
    case DType::f32: static_cast<float*>(data)[at] = static_cast<float>(value); break;
    case DType::f16: static_cast<half*>(data)[at] = half(static_cast<float>(value)); break;
    case DType::bf16: static_cast<bfloat16*>(data)[at] = bfloat16(static_cast<float>(value)); break;
    case DType::i64: static_cast<int64_t*>(data)[at] = to_int64(value); break;
    case DType::i32: static_cast<int32_t*>(data)[at] = static_cast<int32_t>(to_int64(value)); break;
    case DType::i16: static_cast<int16_t*>(data)[at] = static_cast<int16_t>(to_int64(value)); break;
    case DType::i8: static_cast<int8_t*>(data)[at] = static_cast<int8_t>(to_int64(value)); break;
    case DType::u8: static_cast<uint8_t*>(data)[at] = static_cast<uint8_t>(to_int64(value)); break;
    case DType::boolean: static_cast<uint8_t*>(data)[at] = value != V(0); break;
  }
}

}  // namespace farro::device
