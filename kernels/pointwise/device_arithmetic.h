// SPDX-License-Identifier: Apache-2.0
// Arithmetic on the compute types for .cu files, as kernels/cpu/wrapping.h is for the CPU: integers wrap around as in
// PyTorch (signed overflow has no meaning in C++), floating values are left alone.
#pragma once

#include <farro/core/tensor/scalar.h>
#include <farro/kernels/simt/launch.h>

#include <cstdint>
#include <type_traits>

namespace farro::device {

template <class C>
__device__ C wrap_add(C a, C b) {
  if constexpr (std::is_integral_v<C>)
    return static_cast<C>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
  else
    return a + b;
}
template <class C>
__device__ C wrap_sub(C a, C b) {
  if constexpr (std::is_integral_v<C>)
    return static_cast<C>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
  else
    return a - b;
}
template <class C>
__device__ C wrap_mul(C a, C b) {
  if constexpr (std::is_integral_v<C>)
    return static_cast<C>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
  else
    return a * b;
}

// A C++ number on its way into a kernel: each compute type finds its own form of it.
struct Number {
  explicit Number(const Scalar& value)
      : real(value.to_double()), single(value.to_real<float>()), integer(value.to_int()) {}
  template <class C>
  __device__ C as() const {
    if constexpr (std::is_integral_v<C>)
      return static_cast<C>(integer);
    else if constexpr (std::is_same_v<C, float>)
      return single;  // an integer rounded once, not by way of double
    else
      return static_cast<C>(real);
  }
  double real;
  float single;
  int64_t integer;
};

}  // namespace farro::device
