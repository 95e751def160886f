// Elementary functions with one name for float and double, on host and device. float stays float: std:: overloads and
// CUDA's agree on that, but unqualified C names would compute in double.
#pragma once

#include <farro/kernels/simt/launch.h>

#include <cmath>

namespace farro::simt {

__host__ __device__ inline float exp(float x) { return ::expf(x); }
__host__ __device__ inline double exp(double x) { return ::exp(x); }
__host__ __device__ inline float log(float x) { return ::logf(x); }
__host__ __device__ inline double log(double x) { return ::log(x); }
__host__ __device__ inline float tanh(float x) { return ::tanhf(x); }
__host__ __device__ inline double tanh(double x) { return ::tanh(x); }
__host__ __device__ inline float erf(float x) { return ::erff(x); }
__host__ __device__ inline double erf(double x) { return ::erf(x); }
__host__ __device__ inline float sqrt(float x) { return ::sqrtf(x); }
__host__ __device__ inline double sqrt(double x) { return ::sqrt(x); }

#if defined(__CUDACC__)
__host__ __device__ inline float rsqrt(float x) { return ::rsqrtf(x); }
__host__ __device__ inline double rsqrt(double x) { return ::rsqrt(x); }
#else
inline float rsqrt(float x) { return 1.0f / ::sqrtf(x); }
inline double rsqrt(double x) { return 1.0 / ::sqrt(x); }
#endif

}  // namespace farro::simt
