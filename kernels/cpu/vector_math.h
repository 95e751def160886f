// SPDX-License-Identifier: Apache-2.0
// Elementary functions for loops that the compiler vectorises: no calls, no branches (conditions only select between
// values), compiled per instruction set. The float versions stay within 2 units in the last place of the exact result
// over the whole range, subnormals, infinities, NaN and -0 included (tests/kernels/vector_math_test.cpp); the double
// versions are the C library's. Polynomials are Chebyshev fits of the quantity named beside them.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace farro::FARRO_ISA::vmath {

inline constexpr float kInf = std::numeric_limits<float>::infinity();
inline constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
// The natural logarithm of 2 in two parts; n * kLn2High is exact for |n| < 2^14.
inline constexpr float kLn2High = 0.693359375f;
inline constexpr float kLn2Low = -2.12194440e-4f;

namespace detail {

// Argument reduction for exponentials: x = n ln 2 + r + low with |r| <= ln(2)/2 and what rounding r lost in `low`, for
// |x| < 2^14.
struct Reduced {
  int32_t n;
  float r;
  float low;
};
inline Reduced reduce(float x) {
  // Adding 1.5 * 2^23 rounds to an integer that then stands in the low bits.
  const float shifted = x * 1.44269504f + 12582912.f;
  const float n = shifted - 12582912.f;
  const float exact = x - n * kLn2High;
  const float r = exact - n * kLn2Low;
  return {std::bit_cast<int32_t>(shifted) - 0x4b400000, r, (exact - r) - n * kLn2Low};
}
// (e^r - 1 - r) / r^2.
inline float exp_tail(float r) {
  return 0.5f +
         r * (0.166666667f + r * (0.0416664649f + r * (0.00833331093f + r * (0.001393365f + r * 0.000198909908f))));
}
inline float power_of_2(int32_t n) { return std::bit_cast<float>((n + 127) << 23); }  // -126 <= n <= 127

// p * 2^n in two factors: 2^n itself may be out of range where the result is not.
inline float scale(float p, int32_t n) { return p * power_of_2(n >> 1) * power_of_2(n - (n >> 1)); }

// For log and log1p: log(1 + f) - f + f^2/2, with s = f / (2 + f) and f in [sqrt(1/2) - 1, sqrt(2) - 1].
inline float log_tail(float f, float half_square) {
  const float s = f / (2.f + f), z = s * s;
  const float even = z * (0.666666666f + z * (0.400001222f + z * (0.285507786f + z * 0.233316145f)));
  return s * (half_square + even);
}
inline constexpr int32_t kSqrtHalfBits = 0x3f3504f3;
// The bits of zero and of negative numbers lie far from those of sqrt(1/2): their result is not used, but must be
// defined.
inline int32_t wrapping_sub(int32_t a, int32_t b) {
  return static_cast<int32_t>(static_cast<uint32_t>(a) - static_cast<uint32_t>(b));
}

// e^x in double for -700 < x < 700, relative error below 3e-9.
inline double exp_double(double x) {
  const double shifted = x * 1.4426950408889634 + 6755399441055744.0;
  const double n = shifted - 6755399441055744.0;
  const double r = x - n * 0.6931471805599453;
  double p = 0.00139411188958370008;
  p = p * r + 0.00837513477462432517;
  p = p * r + 0.0416663527711122113;
  p = p * r + 0.166664154140411784;
  p = p * r + 0.500000004714605742;
  p = p * r + 1.00000003773887126;
  p = p * r + 1.0;
  return p * std::bit_cast<double>((std::bit_cast<int64_t>(shifted) + 1023) << 52);
}

// log(x) for 0 < x < infinity, relative error below 1e-11.
inline double log_double(float x) {
  const int64_t bits = std::bit_cast<int64_t>(static_cast<double>(x));  // subnormal floats are normal doubles
  const int64_t k = (bits - 0x3fe6a09e667f3bcd) >> 52;
  const double f = std::bit_cast<double>(bits - (k << 52)) - 1.0;
  const double s = f / (2.0 + f), z = s * s;
  double p = 0.193638849866331992;
  p = p * z + 0.221913374280657837;
  p = p * z + 0.285717555350329424;
  p = p * z + 0.399999987924416886;
  p = p * z + 0.666666666673786857;
  return static_cast<double>(static_cast<int32_t>(k)) * 0.6931471805599453 + (2.0 * s + s * z * p);
}

}  // namespace detail

inline float exp(float x) {
  const float low = x < -104.f ? -104.f : x;
  const float clamped = low > 89.f ? 89.f : low;
  const auto [n, r, lost] = detail::reduce(clamped);
  return detail::scale(1.f + (r + (r * r * detail::exp_tail(r) + lost)), n);
}

inline float expm1(float x) {
  const float low = x < -25.f ? -25.f : x;
  const float clamped = low > 89.f ? 89.f : low;
  const auto [n, r, lost] = detail::reduce(clamped);
  const float p = r + (r * r * detail::exp_tail(r) + lost);  // e^r - 1
  // 2^n (p + 1) - 1, at half size where 2^n would overflow.
  const float scale = detail::power_of_2(n - 1);
  const float result = 2.f * (scale * p + (scale - 0.5f));
  return n == 0 ? (x == 0.f ? x : p) : result;
}

inline float log(float x) {
  const bool subnormal = x < std::numeric_limits<float>::min();
  const int32_t bits = std::bit_cast<int32_t>(subnormal ? x * 8388608.f : x);
  const int32_t k = detail::wrapping_sub(bits, detail::kSqrtHalfBits) >> 23;
  const float f = std::bit_cast<float>(detail::wrapping_sub(bits, k << 23)) - 1.f;
  const float e = static_cast<float>(subnormal ? k - 23 : k);
  const float half_square = 0.5f * f * f;
  const float result = e * kLn2High - ((half_square - (detail::log_tail(f, half_square) + e * kLn2Low)) - f);
  const float at_ends = x == 0.f ? -kInf : x > 0.f ? x : kNan;
  return (x > 0.f) & (x < kInf) ? result : at_ends;
}

inline float log1p(float x) {
  const float u = 1.f + x;
  const int32_t k = detail::wrapping_sub(std::bit_cast<int32_t>(u), detail::kSqrtHalfBits) >> 23;
  // What 1 + x lost in rounding, relative to it.
  const float lost = (k >= 2 ? 1.f - (u - x) : x - (u - 1.f)) / u;
  const float f = k == 0 ? x : std::bit_cast<float>(detail::wrapping_sub(std::bit_cast<int32_t>(u), k << 23)) - 1.f;
  const float c = (k == 0) | (k > 25) ? 0.f : lost;
  const float e = static_cast<float>(k);
  const float half_square = 0.5f * f * f;
  const float result = e * kLn2High - ((half_square - (detail::log_tail(f, half_square) + (e * kLn2Low + c))) - f);
  const float at_ends = x == -1.f ? -kInf : x > 0.f ? x : kNan;
  return x == 0.f ? x : (x > -1.f) & (x < kInf) ? result : at_ends;
}

inline float sigmoid(float x) {
  // e^-|x| never overflows; what its last addition rounds away is worth half a unit of the result.
  const float a = x < 0.f ? x : -x;
  const auto [n, r, lost] = detail::reduce(a < -104.f ? -104.f : a);
  const float s = r + (r * r * detail::exp_tail(r) + lost);
  const float p = 1.f + s;
  const float e = detail::scale(p, n);
  const float result = (x < 0.f ? e : 1.f) / (1.f + e);
  const float correction = (s - (p - 1.f)) * (2.f - p);  // relative to e; 2 - p is near enough to 1 / p
  return x < 0.f ? result + result * correction : result;
}

inline float tanh(float x) {
  const float a = std::bit_cast<float>(std::bit_cast<int32_t>(x) & INT32_MAX);
  const float z = a * a;
  // (tanh(a) - a) / a^3.
  const float p =
      -0.333333331f +
      z * (0.133333001f + z * (-0.0539584616f + z * (0.0217625029f + z * (-0.00832318706f + z * 0.00226950168f))));
  const float large = 1.f - 2.f / (exp(2.f * a) + 1.f);
  const float magnitude = a < 0.6f ? a + a * z * p : large;
  return std::bit_cast<float>(std::bit_cast<int32_t>(magnitude) | (std::bit_cast<int32_t>(x) & INT32_MIN));
}

// sin and cos are exact to rounding where has_fast_trig(x); elsewhere the caller takes std::sin and std::cos, whose
// reduction uses as many digits of pi as it takes.
inline bool has_fast_trig(float x) { return (x > -268435456.f) & (x < 268435456.f); }

namespace detail {
// sin(x + quarter turns * pi/2).
inline float sin_shifted(float x, int64_t quarters) {
  const double shifted = static_cast<double>(x) * 0.63661977236758134 + 6755399441055744.0;
  const double n = shifted - 6755399441055744.0;
  const int64_t quadrant = std::bit_cast<int64_t>(shifted) + quarters;
  // pi/2 in two parts; the first has 25 bits, so that its product with n is exact.
  const double r = (static_cast<double>(x) - n * 1.57079631090164184570) - n * 1.58932547735281966916e-08;
  const double z = r * r;
  const double sine =
      r + r * z *
              (-0.16666666666663872 +
               z * (0.00833333333107020959 +
                    z * (-0.000198412669082247961 + z * (2.75559882800214152e-6 + z * -2.48053909457660663e-8))));
  const double cosine =
      1.0 + z * (-0.499999999999637107 +
                 z * (0.0416666666372790616 +
                      z * (-0.00138888850800259908 + z * (0.0000247998587507488577 + z * -2.7236822001886195e-7))));
  const double value = quadrant & 1 ? cosine : sine;
  return static_cast<float>(quadrant & 2 ? -value : value);
}
}  // namespace detail

inline float sin(float x) { return x == 0.f ? x : detail::sin_shifted(x, 0); }
inline float cos(float x) { return detail::sin_shifted(x, 1); }

// base^exponent where has_fast_pow(): a positive finite base and a finite exponent.
inline bool has_fast_pow(float base, float exponent) {
  return (base > 0.f) & (base < kInf) & (exponent < kInf) & (exponent > -kInf);
}
inline float pow(float base, float exponent) {
  const double y = static_cast<double>(exponent) * detail::log_double(base);
  const double low = y < -200.0 ? -200.0 : y;
  return static_cast<float>(detail::exp_double(low > 200.0 ? 200.0 : low));
}

inline double exp(double x) { return std::exp(x); }
inline double expm1(double x) { return std::expm1(x); }
inline double log(double x) { return std::log(x); }
inline double log1p(double x) { return std::log1p(x); }
inline double sigmoid(double x) {
  const double e = std::exp(x < 0 ? x : -x);
  return (x < 0 ? e : 1.0) / (1.0 + e);
}
inline double tanh(double x) { return std::tanh(x); }
inline bool has_fast_trig(double) { return false; }
inline bool has_fast_pow(double, double) { return false; }
inline double pow(double base, double exponent) { return std::pow(base, exponent); }
inline double sin(double x) { return std::sin(x); }
inline double cos(double x) { return std::cos(x); }

}  // namespace farro::FARRO_ISA::vmath
