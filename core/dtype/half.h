// SPDX-License-Identifier: Apache-2.0
// half (IEEE binary16) and bfloat16: storage formats with conversions to and from float, rounding to nearest even.
// Arithmetic is done in float. The functions are constexpr, so the same code serves host and device (nvcc compiles it
// for the device with --expt-relaxed-constexpr).
#pragma once

#include <farro/core/api.h>

#include <bit>
#include <cstdint>

namespace farro {

struct FARRO_API half {
  uint16_t bits = 0;

  constexpr half() = default;
  constexpr explicit half(float value) : bits(encode(std::bit_cast<uint32_t>(value))) {}
  constexpr operator float() const { return std::bit_cast<float>(decode(bits)); }

 private:
  static constexpr uint16_t encode(uint32_t f) {
    const uint32_t sign = (f >> 16) & 0x8000u;
    f &= 0x7fffffffu;
    if (f >= 0x47800000u) return uint16_t(sign | (f > 0x7f800000u ? 0x7e00u : 0x7c00u));  // too large, Inf or NaN
    if (f < 0x38800000u) {  // subnormal or zero: adding 0.5 aligns the mantissa, and the addition rounds to even
      const float shifted = std::bit_cast<float>(f) + 0.5f;
      return uint16_t(sign | (std::bit_cast<uint32_t>(shifted) - 0x3f000000u));
    }
    return uint16_t(sign | ((f + 0xc8000fffu + ((f >> 13) & 1u)) >> 13));
  }
  static constexpr uint32_t decode(uint16_t h) {
    const uint32_t sign = uint32_t(h & 0x8000u) << 16;
    const uint32_t rest = h & 0x7fffu;
    if (rest >= 0x7c00u) return sign | 0x7f800000u | (rest & 0x3ffu) << 13;
    if (rest >= 0x0400u) return sign | ((rest << 13) + 0x38000000u);
    // Subnormal: rest * 2^-24, exact in float.
    return sign | std::bit_cast<uint32_t>(float(rest) * 0x1p-24f);
  }
};

struct FARRO_API bfloat16 {
  uint16_t bits = 0;

  constexpr bfloat16() = default;
  constexpr explicit bfloat16(float value) : bits(encode(std::bit_cast<uint32_t>(value))) {}
  constexpr operator float() const { return std::bit_cast<float>(uint32_t(bits) << 16); }

 private:
  static constexpr uint16_t encode(uint32_t f) {
    if ((f & 0x7fffffffu) > 0x7f800000u) return uint16_t((f >> 16) | 0x40u);
    return uint16_t((f + 0x7fffu + ((f >> 16) & 1u)) >> 16);
  }
};

}  // namespace farro
