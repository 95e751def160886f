// SPDX-License-Identifier: Apache-2.0
// Elementary functions with one name for float and double, on host and device. float stays float: std:: overloads and
// CUDA's agree on that, but unqualified C names would compute in double.
#pragma once

#include <farro/kernels/simt/launch.h>

#include <cmath>

namespace farro::simt {

__host__ __device__ inline float exp(float x) { return ::expf(x); }
__host__ __device__ inline double exp(double x) { return ::exp(x); }
__host__ __device__ inline float expm1(float x) { return ::expm1f(x); }
__host__ __device__ inline double expm1(double x) { return ::expm1(x); }
__host__ __device__ inline float log(float x) { return ::logf(x); }
__host__ __device__ inline double log(double x) { return ::log(x); }
__host__ __device__ inline float log1p(float x) { return ::log1pf(x); }
__host__ __device__ inline double log1p(double x) { return ::log1p(x); }
__host__ __device__ inline float sin(float x) { return ::sinf(x); }
__host__ __device__ inline double sin(double x) { return ::sin(x); }
__host__ __device__ inline float cos(float x) { return ::cosf(x); }
__host__ __device__ inline double cos(double x) { return ::cos(x); }
__host__ __device__ inline float tanh(float x) { return ::tanhf(x); }
__host__ __device__ inline double tanh(double x) { return ::tanh(x); }
__host__ __device__ inline float erf(float x) { return ::erff(x); }
__host__ __device__ inline double erf(double x) { return ::erf(x); }
__host__ __device__ inline float erfc(float x) { return ::erfcf(x); }
__host__ __device__ inline double erfc(double x) { return ::erfc(x); }
__host__ __device__ inline float sqrt(float x) { return ::sqrtf(x); }
__host__ __device__ inline double sqrt(double x) { return ::sqrt(x); }
__host__ __device__ inline float floor(float x) { return ::floorf(x); }
__host__ __device__ inline double floor(double x) { return ::floor(x); }
__host__ __device__ inline float ceil(float x) { return ::ceilf(x); }
__host__ __device__ inline double ceil(double x) { return ::ceil(x); }
__host__ __device__ inline float rint(float x) { return ::rintf(x); }
__host__ __device__ inline double rint(double x) { return ::rint(x); }
__host__ __device__ inline float fabs(float x) { return ::fabsf(x); }
__host__ __device__ inline double fabs(double x) { return ::fabs(x); }
__host__ __device__ inline float pow(float x, float y) { return ::powf(x, y); }
__host__ __device__ inline double pow(double x, double y) { return ::pow(x, y); }
__host__ __device__ inline float fma(float x, float y, float z) { return ::fmaf(x, y, z); }
__host__ __device__ inline double fma(double x, double y, double z) { return ::fma(x, y, z); }

// 1 / (1 + e^-x). The exponential is never of a positive number: where it overflowed, subnormal results would become 0.
template <class C>
__host__ __device__ inline C sigmoid(C x) {
  const C e = exp(x > C(0) ? -x : x);
  return (x > C(0) ? C(1) : e) / (C(1) + e);
}

}  // namespace farro::simt
