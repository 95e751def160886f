// SPDX-License-Identifier: Apache-2.0
// Arithmetic on compute types, for host and device (nvcc compiles constexpr functions for both): integers wrap around
// as in PyTorch, which C++ leaves undefined for signed ones; floating values are left alone.
#pragma once

#include <cstdint>
#include <type_traits>

namespace farro {

template <class T>
[[gnu::always_inline]] constexpr T wrap_add(T a, T b) {
  if constexpr (std::is_integral_v<T>)
    return static_cast<T>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
  else
    return a + b;
}
template <class T>
[[gnu::always_inline]] constexpr T wrap_sub(T a, T b) {
  if constexpr (std::is_integral_v<T>)
    return static_cast<T>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
  else
    return a - b;
}
template <class T>
[[gnu::always_inline]] constexpr T wrap_mul(T a, T b) {
  if constexpr (std::is_integral_v<T>)
    return static_cast<T>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
  else
    return a * b;
}

}  // namespace farro
