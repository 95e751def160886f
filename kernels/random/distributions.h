// SPDX-License-Identifier: Apache-2.0
// From uniform words to uniform and normal numbers, for CPU loops and CUDA kernels alike. Only + - * /, sqrt and
// integer operations, each rounded on its own, so that every instruction set and device gives the same bits: sources
// that include this are compiled with -ffp-contract=off (device code: -fmad=false). constexpr, so that nvcc takes them
// for device functions.
#pragma once

#include <farro/core/random/philox.h>

#include <bit>
#include <cmath>
#include <cstdint>

namespace farro::distributions {

// --- uniform in [0, 1): the leading bits as a fraction; exact, so never 1

[[gnu::always_inline]] inline constexpr float uniform_f32(uint32_t word) {
  return static_cast<float>(static_cast<int32_t>(word >> 8)) * 0x1p-24f;
}
[[gnu::always_inline]] inline constexpr double uniform_f64(uint32_t low, uint32_t high) {
  return static_cast<double>(static_cast<int64_t>((uint64_t{high} << 32 | low) >> 11)) * 0x1p-53;
}

// --- standard normal by Box-Muller: sqrt(-2 ln u) (cos t, sin t) with u in (0, 1], t uniform on the circle

template <class T>
struct Pair {
  T first, second;
};

// What differs between float and double: the layout of the format, and polynomials just long enough for it.
template <class T>
struct Math;

// Coefficients of fdlibm's (Sun, 1993) k_log, k_sin, k_cos, and of their float versions in FreeBSD's msun.
template <>
struct Math<float> {
  using Bits = int32_t;
  static constexpr int kMantissa = 23, kBias = 127;
  static constexpr Bits kSqrtHalf = 0x3f3504f3;
  static constexpr float kLn2High = 6.9313812256e-01f, kLn2Low = 9.0580006145e-06f;
  static constexpr float kLog[] = {0.66666662693f, 0.40000972152f, 0.28498786688f, 0.24279078841f};
  static constexpr float kSin[] = {-1.6666667163e-01f, 8.3333337680e-03f, -1.9841270114e-04f, 2.7557314297e-06f};
  static constexpr float kCos[] = {4.1666667908e-02f, -1.3888889225e-03f, 2.4801587642e-05f, -2.7557314297e-07f};
};
template <>
struct Math<double> {
  using Bits = int64_t;
  static constexpr int kMantissa = 52, kBias = 1023;
  static constexpr Bits kSqrtHalf = 0x3fe6a09e667f3bcd;
  static constexpr double kLn2High = 6.93147180369123816490e-01, kLn2Low = 1.90821492927058770002e-10;
  static constexpr double kLog[] = {6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01,
                                    2.222219843214978396e-01, 1.818357216161805012e-01, 1.531383769920937332e-01,
                                    1.479819860511658591e-01};
  static constexpr double kSin[] = {-1.66666666666666324348e-01, 8.33333333332248946124e-03,
                                    -1.98412698298579493134e-04, 2.75573137070700676789e-06,
                                    -2.50507602534068634195e-08, 1.58969099521155010221e-10};
  static constexpr double kCos[] = {4.16666666666666019037e-02, -1.38888888888741095749e-03,
                                    2.48015872894767294178e-05, -2.75573143513906633035e-07,
                                    2.08757232129817482790e-09, -1.13596475577881948265e-11};
};

template <class T, int N>
[[gnu::always_inline]] inline constexpr T polynomial(const T (&c)[N], T x) {
  T sum = c[N - 1];
  for (int i = N - 2; i >= 0; --i) sum = sum * x + c[i];
  return sum;
}

// ln u for normal u in (0, 1]; at most 0. With u = 2^k (1 + f) and s = f / (2 + f): ln(1 + f) = f - s (f - R(s^2)).
template <class T>
[[gnu::always_inline]] inline constexpr T log_unit(T u) {
  using M = Math<T>;
  using Bits = typename M::Bits;
  constexpr Bits kOne = Bits{M::kBias} << M::kMantissa;
  // Moves the mantissa's range from [1, 2) to [sqrt(1/2), sqrt(2)), so that |f| stays small.
  const Bits shifted = std::bit_cast<Bits>(u) + (kOne - M::kSqrtHalf);
  const int32_t k = static_cast<int32_t>(shifted >> M::kMantissa) - M::kBias;
  const T f = std::bit_cast<T>((shifted & ((Bits{1} << M::kMantissa) - 1)) + M::kSqrtHalf) - T{1};
  const T s = f / (f + T{2}), z = s * s;
  const T half_square = T{0.5} * f * f;
  const T r = z * polynomial(M::kLog, z);
  const T scale = static_cast<T>(k);
  return s * (half_square + r) + scale * M::kLn2Low - half_square + f + scale * M::kLn2High;
}

// (cos t, sin t) for t = 2 pi (quadrant + fraction) / 4 with `angle` = fraction * pi / 2 in [-pi/4, pi/4).
template <class T>
[[gnu::always_inline]] inline constexpr Pair<T> cos_sin(T angle, uint32_t quadrant) {
  using M = Math<T>;
  const T z = angle * angle;
  const T sine = angle + angle * z * polynomial(M::kSin, z);
  const T cosine = T{1} - T{0.5} * z + z * z * polynomial(M::kCos, z);
  const bool swap = quadrant & 1;
  const T c = swap ? sine : cosine, s = swap ? cosine : sine;
  return {(quadrant + 1) & 2 ? -c : c, quadrant & 2 ? -s : s};
}

// Two normals from two words. u has 31 bits and is at least 2^-32: values reach 6.66 standard deviations.
[[gnu::always_inline]] inline constexpr Pair<float> normal_f32(uint32_t a, uint32_t b) {
  const float u = (static_cast<float>(static_cast<int32_t>(a >> 1)) + 0.5f) * 0x1p-31f;
  const float radius = std::sqrt(-2.0f * log_unit(u));
  // The upper two bits name the quadrant, the others, read as a signed number, the place around its middle axis.
  const float angle = static_cast<float>(static_cast<int32_t>(b << 2)) * (0x1p-32f * 1.5707963267948966f);
  const Pair<float> point = cos_sin(angle, b >> 30);
  return {radius * point.first, radius * point.second};
}

// Two normals from a block: 63 bits for u (9.4 standard deviations), 64 for the angle.
[[gnu::always_inline]] inline constexpr Pair<double> normal_f64(const PhiloxBlock& block) {
  const uint64_t a = uint64_t{block.v[1]} << 32 | block.v[0], b = uint64_t{block.v[3]} << 32 | block.v[2];
  const double u = (static_cast<double>(static_cast<int64_t>(a >> 1)) + 0.5) * 0x1p-63;
  const double radius = std::sqrt(-2.0 * log_unit(u));
  const double angle = static_cast<double>(static_cast<int64_t>(b << 2)) * (0x1p-64 * 1.5707963267948966);
  const Pair<double> point = cos_sin(angle, static_cast<uint32_t>(b >> 62));
  return {radius * point.first, radius * point.second};
}

// --- integers in [0, range)

// Bias at most range / 2^32: for ranges up to 2^16.
[[gnu::always_inline]] inline constexpr uint32_t below_32(uint32_t word, uint32_t range) {
  return static_cast<uint32_t>(uint64_t{word} * range >> 32);
}
// floor(word * range / 2^64); range 0 stands for 2^64. Bias at most range / 2^64.
[[gnu::always_inline]] inline constexpr uint64_t below_64(uint64_t word, uint64_t range) {
  if (range == 0) return word;
  const uint64_t a = word >> 32, b = word & 0xffffffffu, c = range >> 32, d = range & 0xffffffffu;
  const uint64_t middle = a * d + (b * d >> 32), low = b * c + (middle & 0xffffffffu);
  return a * c + (middle >> 32) + (low >> 32);
}

}  // namespace farro::distributions
