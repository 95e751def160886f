// SPDX-License-Identifier: Apache-2.0
// Exponentials of rows, shared by softmax and cross_entropy. Included by *.cpu.cpp files only. Rows are taken in blocks
// whose values are exponentiated as one run: a row of 10 classes alone would leave most of a vector empty.
#pragma once

#include <farro/kernels/cpu/lanes.h>
#include <farro/kernels/cpu/vector_math.h>

#include <algorithm>
#include <cmath>

namespace farro::FARRO_ISA {

template <class T>
inline void exp_run(T* x, int64_t n) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) x[i] = vmath::exp(x[i]);
}

inline constexpr int64_t kExpBlock = 1024;  // values in a block of rows: stays in the first-level cache

// For each of `rows` dense rows of `n` values: max[r], and log_sum[r] = log(sum(exp(x - max[r]))).
template <class T>
inline void log_sum_exp_rows(const T* x, int64_t rows, int64_t n, T* max, T* log_sum) {
  alignas(64) T block[kExpBlock];
  const int64_t step = std::max<int64_t>(kExpBlock / n, 1);
  for (int64_t begin = 0; begin < rows; begin += step) {
    const int64_t end = std::min(begin + step, rows);
    for (int64_t r = begin; r < end; ++r) max[r] = max_lanes(x + r * n, n);
    if (n <= kExpBlock) {
      for (int64_t r = begin; r < end; ++r)
        for (int64_t i = 0; i < n; ++i) block[(r - begin) * n + i] = x[r * n + i] - max[r];
      exp_run(block, (end - begin) * n);
      for (int64_t r = begin; r < end; ++r) {
        const T* row = block + (r - begin) * n;
        log_sum[r] = std::log(sum_lanes<T>(n, [row](int64_t i) { return row[i]; }));
      }
      continue;
    }
    double sum = 0;  // of one long row, block by block
    for (int64_t at = 0; at < n; at += kExpBlock) {
      const int64_t count = std::min(kExpBlock, n - at);
      for (int64_t i = 0; i < count; ++i) block[i] = x[begin * n + at + i] - max[begin];
      exp_run(block, count);
      sum += static_cast<double>(sum_lanes<T>(count, [&block](int64_t i) { return block[i]; }));
    }
    log_sum[begin] = static_cast<T>(std::log(sum));
  }
}

}  // namespace farro::FARRO_ISA
