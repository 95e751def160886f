// SPDX-License-Identifier: Apache-2.0
// The transforms of Winograd's convolutions (Lavin and Gray 2016), on vectors of channels, one tile at a time.
//
// F(4x4, 3x3): a tile of 4 x 4 results of a 3 x 3 filter g is A^T [(G g G^T) * (B^T d B)] A of the 6 x 6 inputs d below
// it, with 36 multiplications instead of 144. The polynomials of d and g are evaluated at 0, p, -p, 2p, -2p and
// infinity, and their product is interpolated from there. The usual p = 1 loses digits: the matrices' entries grow with
// the fourth power of the points. p = 11/16 puts them around 1, keeps all but G's exact in f32, and makes the largest
// error a quarter as large.
//
// F(3x3, 2x2), for the gradient of the filter: 3 x 3 sums over the 2 x 2 gradients of a tile, 16 multiplications
// instead of 36, at the points 0, 1, -1 and infinity. The transpose of the larger form has 5 times the error of direct
// sums, this one 1.5 times (docs/performance.md). Included by *.cpu.cpp files only.
#pragma once

#include <farro/kernels/cpu/packs.h>

#include <cstdint>

namespace farro::FARRO_ISA::winograd {

using Lanes = WidePack<float>;
using Vec = Lanes::Value;

inline constexpr int64_t kWidth = Lanes::kWidth;
// The variants are for these instruction sets alone.
#if defined(__FMA__)
inline constexpr bool kHasFma = true;
#else
inline constexpr bool kHasFma = false;
#endif

inline constexpr int64_t kTaps = 3;  // of one dimension

inline constexpr float kP = 11.0f / 16, kP2 = kP * kP, kP3 = kP2 * kP;
inline constexpr float kQ = 2 * kP, kQ2 = kQ * kQ, kQ3 = kQ2 * kQ;
// 1 / the product of a point's distances to the others: G's factors at 0, +-p and +-q.
inline constexpr float kG0 = static_cast<float>(1.0 / (4.0 * kP2 * kP2)),
                       kGp = static_cast<float>(-1.0 / (6.0 * kP2 * kP2)),
                       kGq = static_cast<float>(1.0 / (24.0 * kP2 * kP2));

// ---- F(4x4, 3x3)

// B^T: inputs to points.
struct InputToPoints {
  static constexpr int kFrom = 6, kTo = 6;
  static void map(const Vec (&d)[6], Vec (&out)[6]) {
    const Vec even_p = d[4] - kQ2 * d[2], odd_p = d[3] - kQ2 * d[1];
    const Vec even_q = d[4] - kP2 * d[2], odd_q = d[3] - kP2 * d[1];
    out[0] = d[4] - (kP2 + kQ2) * d[2] + (kP2 * kQ2) * d[0];
    out[1] = even_p + kP * odd_p;
    out[2] = even_p - kP * odd_p;
    out[3] = even_q + kQ * odd_q;
    out[4] = even_q - kQ * odd_q;
    out[5] = d[5] - (kP2 + kQ2) * d[3] + (kP2 * kQ2) * d[1];
  }
};

// G: filter to points.
struct FilterToPoints {
  static constexpr int kFrom = 3, kTo = 6;
  static void map(const Vec (&g)[3], Vec (&out)[6]) {
    const Vec even_p = kGp * g[0] + (kGp * kP2) * g[2], even_q = kGq * g[0] + (kGq * kQ2) * g[2];
    out[0] = kG0 * g[0];
    out[1] = even_p + (kGp * kP) * g[1];
    out[2] = even_p - (kGp * kP) * g[1];
    out[3] = even_q + (kGq * kQ) * g[1];
    out[4] = even_q - (kGq * kQ) * g[1];
    out[5] = g[2];
  }
};

// A^T: points to results.
struct PointsToOutput {
  static constexpr int kFrom = 6, kTo = 4;
  static void map(const Vec (&m)[6], Vec (&out)[4]) {
    const Vec even_p = m[1] + m[2], odd_p = m[1] - m[2], even_q = m[3] + m[4], odd_q = m[3] - m[4];
    out[0] = m[0] + even_p + even_q;
    out[1] = kP * odd_p + kQ * odd_q;
    out[2] = kP2 * even_p + kQ2 * even_q;
    out[3] = m[5] + kP3 * odd_p + kQ3 * odd_q;
  }
};

// ---- F(3x3, 2x2)

// Inputs to points.
struct FilterInputToPoints {
  static constexpr int kFrom = 4, kTo = 4;
  static void map(const Vec (&d)[4], Vec (&out)[4]) {
    out[0] = d[0] - d[2];
    out[1] = d[1] + d[2];
    out[2] = d[2] - d[1];
    out[3] = d[3] - d[1];
  }
};

// Gradients of results to points.
struct GradToPoints {
  static constexpr int kFrom = 2, kTo = 4;
  static void map(const Vec (&y)[2], Vec (&out)[4]) {
    out[0] = y[0];
    out[1] = y[0] + y[1];
    out[2] = y[0] - y[1];
    out[3] = y[1];
  }
};

// Points to the gradient of the filter.
struct PointsToFilter {
  static constexpr int kFrom = 4, kTo = 3;
  static void map(const Vec (&m)[4], Vec (&out)[3]) {
    const Vec even = 0.5f * (m[1] + m[2]), odd = 0.5f * (m[1] - m[2]);
    out[0] = m[0] + even;
    out[1] = odd;
    out[2] = even + m[3];
  }
};

// Map applied to the columns and then to the rows of a square of vectors: load(i, j) gives one, store(i, j, value)
// takes one of the result.
template <class Map, class Load, class Store>
[[gnu::always_inline]] inline void transform(Load load, Store store) {
  constexpr int kFrom = Map::kFrom, kTo = Map::kTo;
  Vec half[kTo][kFrom];
#pragma GCC unroll 6
  for (int j = 0; j < kFrom; ++j) {
    Vec from[kFrom], to[kTo];
#pragma GCC unroll 6
    for (int i = 0; i < kFrom; ++i) from[i] = load(i, j);
    Map::map(from, to);
#pragma GCC unroll 6
    for (int i = 0; i < kTo; ++i) half[i][j] = to[i];
  }
#pragma GCC unroll 6
  for (int i = 0; i < kTo; ++i) {
    Vec to[kTo];
    Map::map(half[i], to);
#pragma GCC unroll 6
    for (int j = 0; j < kTo; ++j) store(i, j, to[j]);
  }
}

// The first `count` (at most kWidth) values at p; zeros behind them.
inline Vec load_some(const float* p, int64_t count) {
  if (count >= kWidth) return Lanes::load(p);
  alignas(64) float values[kWidth] = {};
  for (int64_t i = 0; i < count; ++i) values[i] = p[i];
  return Lanes::load(values);
}
inline void store_some(float* p, int64_t count, Vec value) {
  if (count >= kWidth) return Lanes::store(p, value);
  for (int64_t i = 0; i < count; ++i) p[i] = Lanes::lane(value, static_cast<int>(i));
}

}  // namespace farro::FARRO_ISA::winograd
