// SPDX-License-Identifier: Apache-2.0
// Filters between their layout in memory, where the 9 taps of a pair of channels lie together, and vectors of channels,
// one for each tap. Included by *.cpu.cpp files only.
#pragma once

#include <farro/kernels/conv/winograd_transforms.h>

#include <algorithm>

namespace farro::FARRO_ISA::winograd {

inline constexpr int64_t kFilter = kTaps * kTaps;

template <bool kHigh>
inline Vec zip(Vec a, Vec b) {
  constexpr int kLanes = static_cast<int>(kWidth);
  Lanes::Integer order;
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) order[i] = i / 2 + (kHigh ? kLanes / 2 : 0) + (i % 2 ? kLanes : 0);
  return __builtin_shuffle(a, b, order);
}

// The rows read as columns, in place.
inline void transpose(Vec (&r)[kWidth]) {
#pragma GCC unroll 4
  for (int64_t step = kWidth; step > 1; step /= 2) {
    Vec t[kWidth];
#pragma GCC unroll 8
    for (int64_t i = 0; i < kWidth / 2; ++i) {
      t[2 * i] = zip<false>(r[i], r[i + kWidth / 2]);
      t[2 * i + 1] = zip<true>(r[i], r[i + kWidth / 2]);
    }
#pragma GCC unroll 16
    for (int64_t i = 0; i < kWidth; ++i) r[i] = t[i];
  }
}

// to[column * kWidth + lane] = from[lane * step + column], of up to kWidth lanes; zeros in the others. Nothing is read
// from `end` on.
inline void gather_columns(const float* from, int64_t step, int64_t lanes, int64_t columns, const float* end,
                           float* to) {
  int64_t at = 0;
  // Fewer columns are not worth a transposition.
  for (; lanes == kWidth && columns - at > kWidth / 4; at += std::min(kWidth, columns - at)) {
    const int64_t count = std::min(kWidth, columns - at);
    Vec r[kWidth];
#pragma GCC unroll 16
    for (int64_t lane = 0; lane < kWidth; ++lane) {
      const float* const row = from + lane * step + at;
      r[lane] = end - row >= kWidth ? Lanes::load(row) : load_some(row, count);
    }
    transpose(r);
#pragma GCC unroll 16
    for (int64_t i = 0; i < kWidth; ++i)
      if (i < count) Lanes::store(to + (at + i) * kWidth, r[i]);
  }
  for (; at < columns; ++at)
    for (int64_t lane = 0; lane < kWidth; ++lane) to[at * kWidth + lane] = lane < lanes ? from[lane * step + at] : 0;
}

// to[lane * kFilter + tap] = taps[tap][lane], of up to kWidth lanes.
inline void scatter_taps(const Vec (&taps)[kFilter], int64_t lanes, float* to) {
  int64_t at = 0;
  if (lanes == kWidth) {
    for (; at < kFilter; at += kWidth) {
      if (at > 0 && kFilter - at < kWidth) break;
      Vec r[kWidth] = {};
#pragma GCC unroll 16
      for (int64_t i = 0; i < kWidth; ++i)
        if (at + i < kFilter) r[i] = taps[at + i];
      transpose(r);
      // A vector that is longer than a filter runs into the next lane's, which is written after it; the last must not.
#pragma GCC unroll 16
      for (int64_t lane = 0; lane + 1 < kWidth; ++lane) Lanes::store(to + lane * kFilter + at, r[lane]);
      store_some(to + (kWidth - 1) * kFilter + at, kFilter - at, r[kWidth - 1]);
    }
  }
  for (; at < kFilter; ++at)
    for (int64_t lane = 0; lane < lanes; ++lane)
      to[lane * kFilter + at] = Lanes::lane(taps[at], static_cast<int>(lane));
}

}  // namespace farro::FARRO_ISA::winograd
