// SPDX-License-Identifier: Apache-2.0
// erf and the exact form of gelu, for loops that the compiler vectorises (vector_math.h says how). With Phi and phi the
// distribution function and the density of the normal distribution, and t = |x|:
//
//     Phi(-t) = e^(-t^2/2) Q(t),    Q(t) = y R(y),    y = 1 / (1 + t/4)
//
// where R is a polynomial of degree 9 (relative error 1.3e-8 for t <= 14.6, beyond which Phi(-t) is 0 in f32). In f32
// alone the roundings of this product would come to 3 units in the last place, so each factor carries what its rounding
// lost, which takes fused multiply-adds; instruction sets without them compute in double.
#pragma once

#include <farro/kernels/cpu/vector_math.h>

namespace farro::FARRO_ISA::vmath {

#if defined(__FMA__)

namespace detail {

inline float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
// a * b, which the compiler does not fuse with an addition that follows: what it lost could not be told any more.
inline float product(float a, float b) { return fma(a, b, 0.f); }

// e^(-t^2/2) = 2^-64 scale (p + p_low) and Q(t) = q + q_low, for 0 <= t <= 14.6. 2^-64 keeps `scale` a normal number.
struct NormalTail {
  float scale, p, p_low, q, q_low;
};
inline constexpr float kScaleUnit = 0x1p-64f;
inline NormalTail normal_tail(float t) {
  const float half = 0.5f * t;
  const float shifted = 12582912.f - 1.44269504f * (t * half);
  const float n = shifted - 12582912.f;
  const float exact = fma(-t, half, -n * kLn2High);
  const float r = fma(-n, kLn2Low, exact), lost = fma(-n, kLn2Low, exact - r);
  const float s = r + fma(r * r, exp_tail(r), lost);
  const float p = 1.f + s;

  const float d = fma(0.25f, t, 1.f), d_low = fma(0.25f, t, 1.f - d);
  const float y = 1.f / d;
  const float y_low = fma(-y, d_low, fma(-y, d, 1.f));  // relative to y
  const float u = y - 0.375f;                           // exact
  float sum = 0.0158099656f;
  sum = fma(sum, u, -0.00539638272f);
  sum = fma(sum, u, -0.0536978359f);
  sum = fma(sum, u, -0.00961612912f);
  sum = fma(sum, u, 0.0851502529f);
  sum = fma(sum, u, 0.194362724f);
  sum = fma(sum, u, 0.263398677f);
  sum = fma(sum, u, 0.268547513f);
  sum = fma(sum, u, 0.222845415f);
  const float value = fma(sum, u, 0.156205114f);
  const float value_low = fma(sum, u, (0.156205114f - value) - 3.3e-9f);
  const float q = product(y, value);
  // Q goes roughly with y to the power 0.9 + 2.2 y.
  const float scale = std::bit_cast<float>((std::bit_cast<uint32_t>(shifted) << 23) + (uint32_t{127 + 64} << 23));
  const float q_low = fma(q * fma(2.2f, y, 0.9f), y_low, fma(y, value_low, fma(y, value, -q)));
  return {scale, p, s - (p - 1.f), q, q_low};
}
// |x|, and that where it is at most 14.6 (or NaN).
inline float magnitude(float x) { return std::bit_cast<float>(std::bit_cast<uint32_t>(x) & 0x7fffffffu); }
inline float in_range(float a) { return a > 14.6f ? 14.6f : a; }
inline float with_sign(float magnitude, float x) {
  return std::bit_cast<float>(std::bit_cast<uint32_t>(magnitude) | (std::bit_cast<uint32_t>(x) & 0x80000000u));
}

}  // namespace detail

inline float erf(float x) {
  const float a = detail::magnitude(x), z = a * a;
  // erf(a) / a - 1.
  const float small =
      0.128379158f +
      z * (-0.376125545f + z * (0.112824966f + z * (-0.0267929478f + z * (0.00503437066f + z * -0.000621458536f))));
  const auto [scale, p, p_low, q, q_low] = detail::normal_tail(detail::in_range(a * 1.41421356f));
  const float tail = detail::fma(p, q, detail::fma(p, q_low, q * p_low)) * (scale * detail::kScaleUnit);
  return detail::with_sign(a < 0.875f ? detail::fma(a, small, a) : 1.f - 2.f * tail, x);
}

// x Phi(x).
inline float gelu(float x) {
  const float a = detail::magnitude(x), t = detail::in_range(a);
  const auto [scale, p, p_low, q, q_low] = detail::normal_tail(t);
  const float high = detail::product(p, q);
  const float low = detail::fma(p, q_low, detail::fma(q, p_low, detail::fma(p, q, -high)));
  const float left = detail::fma(t, high, t * low) * scale * detail::kScaleUnit;
  const float unit = scale * detail::kScaleUnit, tail = high * unit;
  const float right = 1.f - tail, right_low = ((1.f - right) - tail) - low * unit;
  return detail::with_sign(x < 0.f ? left : detail::fma(a, right, t * right_low), x);
}
// Phi(x) + x phi(x); to the left of 0 that is e^(-t^2/2) (Q(t) - t / sqrt(2 pi)).
inline float gelu_derivative(float x) {
  const float t = detail::in_range(detail::magnitude(x));
  const auto [scale, p, p_low, q, q_low] = detail::normal_tail(t);
  const float density = detail::product(t, 0.398942292f);
  const float density_low = detail::fma(t, -1.13351701e-08f, detail::fma(t, 0.398942292f, -density));
  const float difference = q - density;
  const float lost = q > density ? (q - difference) - density : q - (difference + density);
  const float low = lost + (q_low - density_low);
  const float g = detail::fma(p, difference, detail::fma(p, low, difference * p_low));
  const float left = g * scale * detail::kScaleUnit;
  return x < 0.f ? left : 1.f - left;
}

#else

namespace detail {

// e^(t^2) erfc(t) for 0 <= t <= 12, relative error below 6e-9.
inline double scaled_erfc(double t) {
  // One division for both (t - 3) / (t + 3), in which the polynomial is, and 1 / (1 + 2t).
  const double a = t + 3.0, b = 1.0 + 2.0 * t;
  const double inverse = 1.0 / (a * b);
  const double q = (t - 3.0) * b * inverse;
  double p = -0.000260164313303404179;
  p = p * q - 0.000753347976678879259;
  p = p * q + 0.00202250350185952835;
  p = p * q + 0.00256325314014277057;
  p = p * q - 0.0238100927717287767;
  p = p * q + 0.0682931305986789801;
  p = p * q - 0.119268899689325401;
  p = p * q + 0.129647033346657138;
  p = p * q - 0.0475625016424953503;
  p = p * q - 0.135621165797478506;
  p = p * q + 1.25300805988569587;
  return p * a * inverse;
}

// The distribution function of the normal distribution, relative error below 1e-8 also far to the left, and its density
// times sqrt(2 pi).
struct Normal {
  double distribution;
  double density;
};
inline Normal normal(float x) {
  const double a = x < 0 ? -static_cast<double>(x) : static_cast<double>(x);
  const double t = a < 16.0 ? a : 16.0;
  const double density = exp_double(-0.5 * t * t);
  const double tail = 0.5 * density * scaled_erfc(t * 0.70710678118654752);
  return {x < 0 ? tail : 1.0 - tail, density};
}

}  // namespace detail

inline float erf(float x) {
  const double a = x < 0 ? -static_cast<double>(x) : static_cast<double>(x);
  const double t = a < 6.0 ? a : 6.0;
  const double z = t * t;
  double p = -0.00067564795686800473;  // erf(x) / x
  p = p * z + 0.00511533211253222635;
  p = p * z - 0.0268351145686097035;
  p = p * z + 0.112833865384145441;
  p = p * z - 0.376126194694376761;
  p = p * z + 1.12837916557875168;
  const double large = 1.0 - detail::exp_double(-z) * detail::scaled_erfc(t);
  const double signed_large = x < 0 ? -large : large;
  return static_cast<float>(a < 0.75 ? static_cast<double>(x) * p : a == a ? signed_large : a);
}

// x Phi(x), with the normal distribution function Phi.
inline float gelu(float x) {
  const float at_end = x > 0.f ? x : x < 0.f ? -0.f : x;
  const float result = static_cast<float>(static_cast<double>(x) * detail::normal(x).distribution);
  return (x < 15.f) & (x > -15.f) ? result : at_end;
}
// Phi(x) + x phi(x).
inline float gelu_derivative(float x) {
  const auto [distribution, density] = detail::normal(x);
  const float result = static_cast<float>(distribution + static_cast<double>(x) * density * 0.39894228040143268);
  const float at_end = x > 0.f ? 1.f : x < 0.f ? 0.f : x;
  return (x < 15.f) & (x > -15.f) ? result : at_end;
}

#endif

inline double erf(double x) { return std::erf(x); }
inline double normal_cdf(double x) { return 0.5 * std::erfc(-x * 0.70710678118654752440); }
inline double gelu(double x) { return std::isinf(x) ? (x > 0 ? x : -0.0) : x * normal_cdf(x); }
inline double gelu_derivative(double x) {
  if (std::isinf(x)) return x > 0 ? 1.0 : 0.0;
  return normal_cdf(x) + x * std::exp(-0.5 * x * x) * 0.39894228040143267794;
}

}  // namespace farro::FARRO_ISA::vmath
