// SPDX-License-Identifier: Apache-2.0
// Splits products over threads, and widens half types.
#include <farro/kernels/matmul/gemm.h>

#include <farro/core/dtype/visit.h>
#include <farro/core/parallel/parallel.h>
#include <farro/kernels/cpu/convert.h>
#include <farro/kernels/matmul/gemm_loops.h>

#include <algorithm>
#include <cmath>
#include <optional>

namespace farro {

namespace {

// Multiply-adds below which one thread does the work: waking a second costs a few microseconds.
constexpr double kThreadWork = 1 << 18;

void run_block(Ctx& ctx, DType dtype, const Gemm& g) {
  const bool f64 = dtype == DType::f64;
  const size_t bytes = f64 ? loops<GemmLoops>->scratch_f64(g) : loops<GemmLoops>->scratch_f32(g);
  std::optional<Ctx> work;  // returns the memory after each product: a kernel may make thousands
  void* memory = bytes ? work.emplace(ctx.parts()).scratch<char>(static_cast<int64_t>(bytes)) : nullptr;
  if (f64)
    loops<GemmLoops>->run_f64(g, memory);
  else
    loops<GemmLoops>->run_f32(g, memory);
}

const void* moved(const void* data, int64_t elements, size_t item) {
  return data ? static_cast<const char*>(data) + elements * static_cast<int64_t>(item) : nullptr;
}

// Rows [r0, r1) and columns [c0, c1) of the product.
Gemm part_of(const Gemm& g, int64_t r0, int64_t r1, int64_t c0, int64_t c1, size_t item) {
  Gemm part = g;
  part.m = r1 - r0;
  part.n = c1 - c0;
  part.a = moved(g.a, r0 * g.a_row, item);
  part.b = moved(g.b, c0 * g.b_col, item);
  part.c = const_cast<void*>(moved(g.c, r0 * g.c_row + c0, item));
  part.bias = moved(g.bias, c0, item);
  return part;
}

// Into how many strips of rows and columns `threads` parts are best cut: each reads a strip of A and one of B, so the
// parts should be near squares.
struct Grid {
  int64_t rows = 1, columns = 1;
};
Grid choose_grid(const Gemm& g, int64_t threads) {
  // A strip is at least a tile wide.
  const int64_t most_rows = std::max<int64_t>(g.m / loops<GemmLoops>->tile_rows, 1);
  const int64_t most_columns = std::max<int64_t>(g.n / loops<GemmLoops>->tile_columns, 1);
  Grid best;
  double least = INFINITY;
  // All grids of as many parts as there are threads: few enough to try each.
  for (int64_t rows = 1; rows <= threads; ++rows) {
    const int64_t columns = threads / rows;
    if (rows > most_rows || columns > most_columns) continue;
    // The slowest part's share, then what is read.
    const double share = std::ceil(static_cast<double>(g.m) / static_cast<double>(rows)) *
                         std::ceil(static_cast<double>(g.n) / static_cast<double>(columns));
    const double read =
        static_cast<double>(g.m) / static_cast<double>(rows) + static_cast<double>(g.n) / static_cast<double>(columns);
    // A strip's row or column weighs as much as 16 steps of k of one element: what is read decides only between grids
    // whose shares are nearly equal.
    if (share * static_cast<double>(g.k) + read * 16 < least) {
      least = share * static_cast<double>(g.k) + read * 16;
      best = {rows, columns};
    }
  }
  return best;
}

// Strip `i` of `count` of a length, cut at multiples of `tile`.
int64_t cut(int64_t length, int64_t count, int64_t i, int64_t tile) {
  return i == count ? length : length * i / count / tile * tile;
}

void run_floating(Ctx& ctx, DType dtype, const Gemm& g) {
  const double work = static_cast<double>(g.m) * static_cast<double>(g.n) * static_cast<double>(g.k);
  // Less than two threads' worth.
  if (work < 2 * kThreadWork) return run_block(ctx, dtype, g);
  const auto threads = static_cast<int64_t>(std::min<double>(num_threads(), work / kThreadWork));
  // The grid may depend on the number of threads because the bits of an element do not depend on where the product is
  // cut (gemm.cpu.cpp).
  const Grid grid = choose_grid(g, threads);
  const Ctx::Parts contexts = ctx.parts();
  parallel_for(grid.rows * grid.columns, 1, [&](int64_t begin, int64_t end) {
    Ctx work_memory(contexts);
    for (int64_t i = begin; i < end; ++i) {
      const int64_t r = i / grid.columns, c = i % grid.columns;
      const Gemm part = part_of(g, cut(g.m, grid.rows, r, loops<GemmLoops>->tile_rows),
                                cut(g.m, grid.rows, r + 1, loops<GemmLoops>->tile_rows),
                                cut(g.n, grid.columns, c, loops<GemmLoops>->tile_columns),
                                cut(g.n, grid.columns, c + 1, loops<GemmLoops>->tile_columns), item_size(dtype));
      if (part.m > 0 && part.n > 0) run_block(work_memory, dtype, part);
    }
  });
}

// Vectors stand in columns of C: one column would leave them empty, so it is computed as a row.
void run_column(Ctx& ctx, DType dtype, const Gemm& g) {
  Gemm row = g;
  row.m = 1;
  row.n = g.m;
  // c = A b, with c a column, is the row c^T = b^T A^T.
  row.a = g.b;
  row.a_row = 0;
  row.a_col = g.b_row;
  row.b = g.a;
  row.b_row = g.a_col;
  row.b_col = g.a_row;
  row.c_row = g.m;
  row.bias = nullptr;
  run_floating(ctx, dtype, row);
  if (!g.bias) return;
  visit_f32_f64("matmul", dtype, [&]<class T>(TypeTag<T>) {
    // One column has one bias.
    const T bias = *static_cast<const T*>(g.bias);
    for (int64_t i = 0; i < g.m; ++i) static_cast<T*>(g.c)[i] += bias;
  });
}

// A dense f32 copy of rows x cols elements; null stays null.
const float* widened(Ctx& ctx, DType dtype, const void* data, int64_t rows, int64_t cols, int64_t row, int64_t col) {
  if (!data) return nullptr;
  float* const target = ctx.scratch<float>(rows * cols);
  const LoadFn load = load_fn(dtype, DType::f32);
  parallel_for(rows, std::max<int64_t>(32768 / std::max<int64_t>(cols, 1), 1), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) load(target + i * cols, moved(data, i * row, item_size(dtype)), col, cols);
  });
  return target;
}

void run_half(Ctx& ctx, DType dtype, const Gemm& g) {
  Ctx work(ctx.parts());
  const float* a = widened(work, dtype, g.a, g.m, g.k, g.a_row, g.a_col);
  const float* b = widened(work, dtype, g.b, g.k, g.n, g.b_row, g.b_col);
  const float* bias = widened(work, dtype, g.bias, 1, g.n, 0, 1);
  // Halves are widened once, multiplied and summed in f32, and rounded once.
  float* const c = work.scratch<float>(g.m * g.n);
  run_gemm(work, DType::f32, {g.m, g.n, g.k, a, g.k, 1, b, g.n, 1, c, g.n, bias});
  const StoreFn store = store_fn(DType::f32, dtype);
  for (int64_t i = 0; i < g.m; ++i)
    store(const_cast<void*>(moved(g.c, i * g.c_row, item_size(dtype))), 1, c + i * g.n, g.n);
}

// Sums are kept modulo 2^64, which gives the low bits that wrapping in any narrower type would.
template <class T>
void run_integer(const Gemm& g) {
  const T *a = static_cast<const T*>(g.a), *b = static_cast<const T*>(g.b), *bias = static_cast<const T*>(g.bias);
  T* c = static_cast<T*>(g.c);
  parallel_for(g.m, 1 + (1 << 16) / (g.n * g.k + 1), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      for (int64_t j = 0; j < g.n; ++j) {
        uint64_t sum = bias ? static_cast<uint64_t>(bias[j]) : 0;
        for (int64_t p = 0; p < g.k; ++p)
          sum +=
              static_cast<uint64_t>(a[i * g.a_row + p * g.a_col]) * static_cast<uint64_t>(b[p * g.b_row + j * g.b_col]);
        c[i * g.c_row + j] = static_cast<T>(sum);
      }
  });
}

void fill_with_bias(DType dtype, const Gemm& g) {
  const size_t item = item_size(dtype), bytes = static_cast<size_t>(g.n) * item;
  for (int64_t i = 0; i < g.m; ++i) {
    void* row = const_cast<void*>(moved(g.c, i * g.c_row, item));
    if (g.bias)
      std::copy_n(static_cast<const char*>(g.bias), bytes, static_cast<char*>(row));
    else
      std::fill_n(static_cast<char*>(row), bytes, char{0});
  }
}

}  // namespace

void run_gemm(Ctx& ctx, DType dtype, const Gemm& g) {
  if (g.m == 0 || g.n == 0) return;
  if (g.k == 0) return fill_with_bias(dtype, g);
  switch (dtype) {
    case DType::f32:
    case DType::f64:
      if (g.n == 1 && g.m > 1 && g.c_row == 1) return run_column(ctx, dtype, g);
      return run_floating(ctx, dtype, g);
    case DType::f16:
    case DType::bf16: return run_half(ctx, dtype, g);
    default:
      visit_dtype(dtype, [&]<class T>(TypeTag<T>) {
        if constexpr (std::is_integral_v<T>) run_integer<T>(g);
      });
  }
}

}  // namespace farro
