// SPDX-License-Identifier: Apache-2.0
// From a run-time DType to a C++ type and back. Keep the set of types in a visit small: each one is an instantiation.
#pragma once

#include <farro/core/dtype/dtype.h>
#include <farro/core/dtype/half.h>
#include <farro/core/error/error.h>

namespace farro {

template <class T>
struct TypeTag {
  using type = T;
};

template <class T>
inline constexpr DType dtype_of = [] { static_assert(sizeof(T) == 0, "not an element type"); }();
// clang-format off
template <> inline constexpr DType dtype_of<double> = DType::f64;
template <> inline constexpr DType dtype_of<float> = DType::f32;
template <> inline constexpr DType dtype_of<half> = DType::f16;
template <> inline constexpr DType dtype_of<bfloat16> = DType::bf16;
template <> inline constexpr DType dtype_of<int64_t> = DType::i64;
template <> inline constexpr DType dtype_of<long long> = DType::i64;
template <> inline constexpr DType dtype_of<int32_t> = DType::i32;
template <> inline constexpr DType dtype_of<int16_t> = DType::i16;
template <> inline constexpr DType dtype_of<int8_t> = DType::i8;
template <> inline constexpr DType dtype_of<uint8_t> = DType::u8;
template <> inline constexpr DType dtype_of<bool> = DType::boolean;
// clang-format on

// Calls fn(TypeTag<T>{}) for the dtype's element type; all branches must return the same type.
template <class Fn>
decltype(auto) visit_dtype(DType dtype, Fn&& fn) {
  switch (dtype) {
    case DType::f64: return fn(TypeTag<double>{});
    case DType::f32: return fn(TypeTag<float>{});
    case DType::f16: return fn(TypeTag<half>{});
    case DType::bf16: return fn(TypeTag<bfloat16>{});
    case DType::i64: return fn(TypeTag<int64_t>{});
    case DType::i32: return fn(TypeTag<int32_t>{});
    case DType::i16: return fn(TypeTag<int16_t>{});
    case DType::i8: return fn(TypeTag<int8_t>{});
    case DType::u8: return fn(TypeTag<uint8_t>{});
    case DType::boolean: return fn(TypeTag<bool>{});
  }
  fail<InternalError>("internal error: invalid dtype ", static_cast<int>(dtype));
}

// f32 and f64 only; `op` names the caller in the DTypeError for any other dtype.
template <class Fn>
decltype(auto) visit_f32_f64(const char* op, DType dtype, Fn&& fn) {
  if (dtype == DType::f32) return fn(TypeTag<float>{});
  if (dtype == DType::f64) return fn(TypeTag<double>{});
  fail<DTypeError>(op, ": dtype must be f32 or f64, got ", dtype);
}

// The four floating types.
template <class Fn>
decltype(auto) visit_floating(const char* op, DType dtype, Fn&& fn) {
  switch (dtype) {
    case DType::f64: return fn(TypeTag<double>{});
    case DType::f32: return fn(TypeTag<float>{});
    case DType::f16: return fn(TypeTag<half>{});
    case DType::bf16: return fn(TypeTag<bfloat16>{});
    default: fail<DTypeError>(op, ": dtype must be floating, got ", dtype);
  }
}

// By element size alone, for ops that only move bits: fn(TypeTag<uint8_t|uint16_t|uint32_t|uint64_t>{}).
template <class Fn>
decltype(auto) visit_item_size(size_t bytes, Fn&& fn) {
  switch (bytes) {
    case 1: return fn(TypeTag<uint8_t>{});
    case 2: return fn(TypeTag<uint16_t>{});
    case 4: return fn(TypeTag<uint32_t>{});
    default: return fn(TypeTag<uint64_t>{});
  }
}

}  // namespace farro
