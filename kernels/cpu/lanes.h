// SPDX-License-Identifier: Apache-2.0
// Reductions over a run of values that the compiler vectorises without being allowed to reorder: many partial results
// side by side, combined as a tree. That is also what makes an f32 sum accurate. Included by *.cpu.cpp files only; the
// number of lanes is fixed, so every instruction set combines in the same order.
#pragma once

#include <cstdint>

namespace farro::FARRO_ISA {

// combine(..., get(i), ...) over i in [0, n), starting from `start`, which must be neutral.
template <class T, class Get, class Combine>
inline T reduce_lanes(int64_t n, T start, Get get, Combine combine) {
  constexpr int kLanes = 128 / sizeof(T);
  T lanes[kLanes];
  for (int l = 0; l < kLanes; ++l) lanes[l] = start;
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (int l = 0; l < kLanes; ++l) lanes[l] = combine(lanes[l], get(i + l));
  for (int l = 0; i + l < n; ++l) lanes[l] = combine(lanes[l], get(i + l));
  for (int width = kLanes / 2; width > 0; width /= 2)
    for (int l = 0; l < width; ++l) lanes[l] = combine(lanes[l], lanes[l + width]);
  return lanes[0];
}

template <class T, class Get>
inline T sum_lanes(int64_t n, Get get) {
  return reduce_lanes<T>(n, T{0}, get, [](T a, T b) { return a + b; });
}

// A long sum of values of T: blocks in lanes, the blocks in double.
template <class T, class Get>
inline double sum_blocks(int64_t n, Get get) {
  constexpr int64_t kBlock = 2048;
  if (n <= kBlock) return static_cast<double>(sum_lanes<T>(n, get));
  double sum = 0;
  for (int64_t at = 0; at < n; at += kBlock)
    sum += static_cast<double>(sum_lanes<T>(n - at < kBlock ? n - at : kBlock, [&](int64_t i) { return get(at + i); }));
  return sum;
}

// The largest of n >= 1 values. A NaN that is not the first may be passed over: callers look at the values again.
template <class T>
inline T max_lanes(const T* x, int64_t n) {
  return reduce_lanes<T>(n, x[0], [x](int64_t i) { return x[i]; }, [](T a, T b) { return b > a ? b : a; });
}

}  // namespace farro::FARRO_ISA
