// SPDX-License-Identifier: Apache-2.0
// Arithmetic on compute types for *.cpu.cpp files: integers wrap around as in PyTorch (signed overflow has no meaning
// in C++), floating values are left alone.
#pragma once

#include <farro/core/tensor/scalar.h>

#include <cstdint>
#include <type_traits>

namespace farro::FARRO_ISA {

template <class T>
inline T wrap_add(T a, T b) {
  if constexpr (std::is_integral_v<T>)
    return static_cast<T>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
  else
    return a + b;
}
template <class T>
inline T wrap_sub(T a, T b) {
  if constexpr (std::is_integral_v<T>)
    return static_cast<T>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
  else
    return a - b;
}
template <class T>
inline T wrap_mul(T a, T b) {
  if constexpr (std::is_integral_v<T>)
    return static_cast<T>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
  else
    return a * b;
}

// A number in a compute type. Integers saturate: bounds of clamp may lie outside.
template <class T>
inline T number_as(const Scalar& value) {
  if constexpr (std::is_integral_v<T>)
    return value.to_int();
  else
    return value.to_real<T>();
}

}  // namespace farro::FARRO_ISA
