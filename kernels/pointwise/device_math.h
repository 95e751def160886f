// SPDX-License-Identifier: Apache-2.0
// The functions that formulas call, on the device: CUDA's accurate versions on a GPU, the C library's on the host
// runtime.
#pragma once

#include <farro/kernels/simt/math.h>

namespace farro {

struct DeviceMath {
  static constexpr bool kHasSlowValues = false;

  static __device__ auto exp(auto a) { return simt::exp(a); }
  static __device__ auto expm1(auto a) { return simt::expm1(a); }
  static __device__ auto log(auto a) { return simt::log(a); }
  static __device__ auto log1p(auto a) { return simt::log1p(a); }
  static __device__ auto sin(auto a) { return simt::sin(a); }
  static __device__ auto cos(auto a) { return simt::cos(a); }
  static __device__ auto tanh(auto a) { return simt::tanh(a); }
  static __device__ auto sigmoid(auto a) { return simt::sigmoid(a); }
  static __device__ auto erf(auto a) { return simt::erf(a); }
  static __device__ auto pow(auto a, auto b) { return simt::pow(a, b); }
  static __device__ auto sqrt(auto a) { return simt::sqrt(a); }
  static __device__ auto floor(auto a) { return simt::floor(a); }
  static __device__ auto ceil(auto a) { return simt::ceil(a); }
  static __device__ auto rint(auto a) { return simt::rint(a); }
  static __device__ auto fabs(auto a) { return simt::fabs(a); }
  static __device__ auto fma(auto a, auto b, auto c) { return simt::fma(a, b, c); }

  // a P(X <= a) for a standard normal X, and its derivative P(a) + a p(a).
  template <class C>
  static __device__ C gelu(C a) {
    const C p = normal_cdf(a);
    return p == C(0) ? C(-0.0) : a * p;  // at -infinity the product would be NaN
  }
  template <class C>
  static __device__ C gelu_derivative(C a) {
    const C density = C(0.39894228040143268) * simt::exp(C(-0.5) * a * a);
    // Where the density is 0, a may be infinite, and their product NaN.
    return density == C(0) ? normal_cdf(a) : normal_cdf(a) + a * density;
  }

 private:
  // erfc keeps its relative precision on the left, where 1 + erf cancels.
  template <class C>
  static __device__ C normal_cdf(C a) {
    return C(0.5) * simt::erfc(a * C(-0.70710678118654752));
  }
};

}  // namespace farro
