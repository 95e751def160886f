// SPDX-License-Identifier: Apache-2.0
// The loops under run_gemm(), after Goto and van de Geijn (2008): C is computed in tiles that live in registers, from
// panels of A and B that were brought into the order in which the tile reads them. Every element of C is the same chain
// of multiply-adds over k (in blocks of k that depend on k alone), whatever the tile, its place, the strides, and
// whether a panel was packed; so neither threads nor layouts change a bit.
//
// Measured on a Zen 4 core (CPU time, GFLOP/s; ceiling about 112), against OpenBLAS 0.3.21, oneDNN 2.6's sgemm and the
// MKL of LibTorch 2.13, for m x n x k of the layers of an MLP (N, T: A and B as stored):
//                          here  OpenBLAS  oneDNN   MKL
//     128x1024x784   NT     105        98     107    90
//     128x1024x1024  NN     105        99     106    88
//     1024x1024x128  TN     105       101     113    89
//     512x512x512    NN     109       106     116    94
//     64x64x64       NN     114       115      99    85
//     8x32x32        NT      54        54      36    22
//     8x32x32        NN      97        97      38    24
//     32x32x8        TN      83        85      36    21
// OpenBLAS gives other bits with other numbers of threads (128x1024x784) and other layouts, and both libraries need
// their own passes for the bias; so this one serves all shapes.
#include <farro/kernels/matmul/gemm_loops.h>

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace farro::FARRO_ISA {

namespace {

#if defined(__AVX512F__)
// A tile of 8 x 2 vectors holds 16 accumulators; AVX-512 has 32 registers, AVX2 and SSE have 16.
constexpr int kVectorBytes = 64, kTileRows = 8;
#elif defined(__AVX__)
constexpr int kVectorBytes = 32, kTileRows = 4;  // 8 accumulators are enough to hide the latency of 2 units
#else
constexpr int kVectorBytes = 16, kTileRows = 4;
#endif
constexpr int kTileVectors = 2;

// Blocks: a packed block of A (kRowBlock x kInnerBlock) and one of B (kInnerBlock x kPanels tiles) share the
// second-level cache (400 KB each of 1 MB), a panel of A (12 KB) stays in the first. 256, 400 and 512 for kInnerBlock
// were within 3 %.
constexpr int64_t kInnerBlock = 400;
constexpr int64_t kRowBlock = 256;
constexpr int64_t kPanels = 8;
// A matrix that spans this many elements is read in place: packing would cost more than its strides.
constexpr int64_t kSmallSpan = 16384;

template <class T>
struct Vector {
  static constexpr int64_t kWidth = kVectorBytes / sizeof(T);
  typedef T type __attribute__((vector_size(kVectorBytes)));
  // Vectors in memory need no more alignment than an element, and may alias anything.
  typedef T memory __attribute__((vector_size(kVectorBytes), aligned(sizeof(T)), may_alias));
  typedef std::conditional_t<sizeof(T) == 4, int32_t, int64_t> index __attribute__((vector_size(kVectorBytes)));
};
template <class T>
using V = typename Vector<T>::type;
template <class T>
inline V<T> load(const T* p) {
  return *reinterpret_cast<const typename Vector<T>::memory*>(p);
}
template <class T>
inline void store(T* p, V<T> value) {
  *reinterpret_cast<typename Vector<T>::memory*>(p) = value;
}

template <class T>
constexpr int64_t kTileColumns = kTileVectors * Vector<T>::kWidth;

template <class T>
struct Strided {
  const T* data;
  int64_t row, col;
  Strided at(int64_t i, int64_t j) const { return {data + i * row + j * col, row, col}; }
};

// ---- a tile

// c (+)= a x b (+ bias) for kRows x (kVectors vectors); b's rows are dense.
template <class T, int kRows, int kVectors>
void tile(int64_t k, const Strided<T>& a, const T* b, int64_t b_row, T* c, int64_t c_row, const T* bias, bool add) {
  constexpr int64_t kWidth = Vector<T>::kWidth;
  // Outer products: each step reads one column of A, kRows numbers, and one row of B, kVectors vectors, for kRows *
  // kVectors vector multiply-adds.
  V<T> sum[kRows][kVectors];
  const T* rows[kRows];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
    rows[i] = a.data + i * a.row;
#pragma GCC unroll 2
    for (int j = 0; j < kVectors; ++j) sum[i][j] = V<T>{};
  }
  int64_t at = 0;
  for (int64_t p = 0; p < k; ++p, at += a.col, b += b_row) {
    V<T> right[kVectors];
#pragma GCC unroll 2
    for (int j = 0; j < kVectors; ++j) right[j] = load(b + j * kWidth);
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
      const T left = rows[i][at];
#pragma GCC unroll 2
      for (int j = 0; j < kVectors; ++j) sum[i][j] += left * right[j];
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 2
    for (int j = 0; j < kVectors; ++j) {
      T* target = c + i * c_row + j * kWidth;
      V<T> value = sum[i][j];
      // Later blocks of k add to what the earlier ones stored; the bias comes with the first.
      if (add)
        value = load(target) + value;
      else if (bias)
        value = load(bias + j * kWidth) + value;
      store(target, value);
    }
}

// The same for kRows x columns, where columns is no multiple of the vector's width.
template <class T, int kRows, int kVectors>
void ragged_tile(int64_t k, const Strided<T>& a, const T* b, int64_t b_row, T* c, int64_t c_row, const T* bias,
                 bool add, int64_t columns) {
  constexpr int64_t kWidth = kVectors * Vector<T>::kWidth;
  // The tile is computed whole, on zeros behind the last column of a packed panel, and the part that exists is copied:
  // element by element the same chain of operations as in a full tile.
  alignas(64) T whole[kRows * kWidth];
  tile<T, kRows, kVectors>(k, a, b, b_row, whole, kWidth, nullptr, false);
  for (int64_t i = 0; i < kRows; ++i)
    for (int64_t j = 0; j < columns; ++j) {
      T& target = c[i * c_row + j];
      const T value = whole[i * kWidth + j];
      target = add ? target + value : bias ? bias[j] + value : value;
    }
}

// A panel of B, and the columns of C that it gives.
template <class T>
struct Panel {
  const T* b;
  int64_t b_row;
  T* c;
  int64_t c_row;
  const T* bias;
  int64_t columns;  // at most kTileColumns
  bool add;
};

template <class T, int kRows>
void panel_rows(int64_t k, const Strided<T>& a, const Panel<T>& p, int64_t row) {
  constexpr int64_t kWidth = Vector<T>::kWidth;
  T* c = p.c + row * p.c_row;
  if (p.columns == 2 * kWidth)
    tile<T, kRows, 2>(k, a, p.b, p.b_row, c, p.c_row, p.bias, p.add);
  else if (p.columns == kWidth)
    tile<T, kRows, 1>(k, a, p.b, p.b_row, c, p.c_row, p.bias, p.add);
  else if (p.columns > kWidth)
    ragged_tile<T, kRows, 2>(k, a, p.b, p.b_row, c, p.c_row, p.bias, p.add, p.columns);
  else
    ragged_tile<T, kRows, 1>(k, a, p.b, p.b_row, c, p.c_row, p.bias, p.add, p.columns);
}

// `rows` (at most kTileRows) rows of one panel's columns; `a` begins at the first of them.
template <class T>
void tile_rows(int64_t k, const Strided<T>& a, const Panel<T>& panel, int64_t row, int64_t rows) {
  // The rest of the rows in tiles of 4, 2 and 1, so there are few instances and no padding of A.
  if (rows == kTileRows) return panel_rows<T, kTileRows>(k, a, panel, row);
  int64_t done = 0;
  if constexpr (kTileRows > 4)
    if (rows - done >= 4) panel_rows<T, 4>(k, a, panel, row), done = 4;
  if (rows - done >= 2) panel_rows<T, 2>(k, a.at(done, 0), panel, row + done), done += 2;
  if (rows - done >= 1) panel_rows<T, 1>(k, a.at(done, 0), panel, row + done);
}

// ---- packing

template <class T, bool kHigh>
inline V<T> zip(V<T> a, V<T> b) {
  constexpr int kWidth = static_cast<int>(Vector<T>::kWidth);
  typename Vector<T>::index order;
#pragma GCC unroll 16
  for (int i = 0; i < kWidth; ++i) order[i] = i / 2 + (kHigh ? kWidth / 2 : 0) + (i % 2 ? kWidth : 0);
  return __builtin_shuffle(a, b, order);
}

// r[0][0], r[1][0], ..., r[n-1][0], r[0][1], ...: the rows read as columns, in place.
template <class T, int kRows>
inline void interleave(V<T> (&r)[kRows]) {
  V<T> t[kRows];
#pragma GCC unroll 4
  for (int step = kRows; step > 1; step /= 2) {
#pragma GCC unroll 8
    for (int i = 0; i < kRows / 2; ++i) {
      t[2 * i] = zip<T, false>(r[i], r[i + kRows / 2]);
      t[2 * i + 1] = zip<T, true>(r[i], r[i + kRows / 2]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) r[i] = t[i];
  }
}

// out[p * out_row + i] = lines(i, p) for i < kLines and p < k; lines from `count` on are taken as zero.
template <class T, int kLines>
void pack_lines(const Strided<T>& lines, int64_t count, int64_t k, T* out, int64_t out_row) {
  constexpr int64_t kWidth = Vector<T>::kWidth;
  // Lines that are dense along k are transposed in registers, lines that are dense across are copied, any others go
  // element by element.
  int64_t p = 0;
  if (count == kLines && lines.col == 1) {
    for (; p + kWidth <= k; p += kWidth) {
      V<T> r[kLines];
#pragma GCC unroll 16
      for (int i = 0; i < kLines; ++i) r[i] = load(lines.data + i * lines.row + p);
      interleave<T, kLines>(r);
      constexpr int64_t kSteps = kWidth / kLines;  // of p in one vector
#pragma GCC unroll 16
      for (int i = 0; i < kLines; ++i) {
        if constexpr (kSteps == 1) {
          store(out + (p + i) * out_row, r[i]);
        } else {
          for (int64_t s = 0; s < kSteps; ++s)
            std::memcpy(out + (p + i * kSteps + s) * out_row, reinterpret_cast<const T*>(&r[i]) + s * kLines,
                        kLines * sizeof(T));
        }
      }
    }
  } else if (count == kLines && lines.row == 1) {
    for (; p < k; ++p) std::memcpy(out + p * out_row, lines.data + p * lines.col, kLines * sizeof(T));
  }
  for (; p < k; ++p) {
    for (int64_t i = 0; i < count; ++i) out[p * out_row + i] = lines.data[i * lines.row + p * lines.col];
    for (int64_t i = count; i < kLines; ++i) out[p * out_row + i] = 0;
  }
}

// Groups of rows that fill a vector can be interleaved; f64 tiles on narrow vectors have more rows than that.
template <class T>
constexpr int kRowGroup = static_cast<int>(std::min<int64_t>(kTileRows, Vector<T>::kWidth));

template <class T>
void pack_a(const Strided<T>& a, int64_t rows, int64_t k, T* out) {
  for (int64_t i = 0; i < rows; i += kTileRows, out += kTileRows * k)
    for (int64_t g = 0; g < kTileRows; g += kRowGroup<T>)
      pack_lines<T, kRowGroup<T>>(a.at(i + g, 0), std::clamp<int64_t>(rows - i - g, 0, kRowGroup<T>), k, out + g,
                                  kTileRows);
}

// `columns` columns of b as panels of kTileColumns, each k rows.
template <class T>
void pack_b(const Strided<T>& b, int64_t columns, int64_t k, T* out) {
  constexpr int64_t kWidth = Vector<T>::kWidth, kTile = kTileColumns<T>;
  const int64_t whole = b.col == 1 ? columns / kTile : 0;
  for (int64_t p = 0; p < k && whole; ++p)  // row by row over all panels: the rows may lie pages apart
    for (int64_t j = 0; j < whole; ++j)
#pragma GCC unroll 2
      for (int64_t v = 0; v < kTileVectors; ++v)
        store(out + (j * k + p) * kTile + v * kWidth, load(b.data + p * b.row + j * kTile + v * kWidth));
  const Strided<T> lines{b.data, b.col, b.row};  // the columns as lines
  for (int64_t j = whole * kTile; j < columns; j += kTile)
    for (int64_t v = 0; v < kTile; v += kWidth)
      pack_lines<T, static_cast<int>(kWidth)>(lines.at(j + v, 0), std::clamp<int64_t>(columns - j - v, 0, kWidth), k,
                                              out + j * k + v, kTile);
}

// ---- the whole

// How one product is carried out.
template <class T>
struct Plan {
  int64_t inner, rows, columns;  // block sizes
  bool direct_a, direct_b;       // read in place

  explicit Plan(const Gemm& g) {
    const int64_t blocks = (g.k + kInnerBlock - 1) / kInnerBlock;
    // Equal blocks: 500 is cut into 250 and 250, not into 400 and 100.
    inner = (g.k + blocks - 1) / blocks;
    rows = std::min(kRowBlock, g.m);
    columns = std::min(kPanels * kTileColumns<T>, g.n);
    // A of one panel is read once, so that packing it would be a second reading; likewise B of one row of tiles.
    direct_a = g.n <= kTileColumns<T> || (g.m - 1) * g.a_row + (g.k - 1) * g.a_col <= kSmallSpan;
    // Read in place, b must not be read beyond its last column.
    direct_b = g.b_col == 1 && g.n % Vector<T>::kWidth == 0 && (g.m <= kTileRows || g.k * g.b_row <= kSmallSpan);
  }
  int64_t packed_a() const { return direct_a ? 0 : (rows + kTileRows - 1) / kTileRows * kTileRows * inner; }
  int64_t packed_b() const {
    return direct_b ? 0 : (columns + kTileColumns<T> - 1) / kTileColumns<T> * kTileColumns<T> * inner;
  }
};

template <class T>
size_t scratch(const Gemm& g) {
  const Plan<T> plan(g);
  return static_cast<size_t>(plan.packed_a() + plan.packed_b()) * sizeof(T);
}

template <class T>
void run(const Gemm& g, void* memory) {
  constexpr int64_t kTile = kTileColumns<T>;
  const Plan<T> plan(g);
  const Strided<T> a{static_cast<const T*>(g.a), g.a_row, g.a_col}, b{static_cast<const T*>(g.b), g.b_row, g.b_col};
  T *c = static_cast<T*>(g.c), *a_block = static_cast<T*>(memory), *b_block = a_block + plan.packed_a();
  const T* bias = static_cast<const T*>(g.bias);
  // The loops of Goto and van de Geijn, with k outermost: a packed block of A is used for all of B's panels.
  for (int64_t p = 0; p < g.k; p += plan.inner) {
    const int64_t k = std::min(plan.inner, g.k - p);
    for (int64_t i = 0; i < g.m; i += plan.rows) {
      const int64_t rows = std::min(plan.rows, g.m - i);
      if (!plan.direct_a) pack_a(a.at(i, p), rows, k, a_block);
      for (int64_t j = 0; j < g.n; j += plan.columns) {
        const int64_t columns = std::min(plan.columns, g.n - j);
        // Packed anew for each block of rows: with more than 256 rows B is packed several times, which is little beside
        // the 256 multiply-adds that each of its elements takes part in.
        if (!plan.direct_b) pack_b(b.at(p, j), columns, k, b_block);
        for (int64_t r = 0; r < rows; r += kTileRows) {
          const Strided<T> left = plan.direct_a ? a.at(i + r, p) : Strided<T>{a_block + r * k, 1, kTileRows};
          for (int64_t s = 0; s < columns; s += kTile) {
            const T* right = plan.direct_b ? b.at(p, j + s).data : b_block + s * k;
            const Panel<T> panel{right,   plan.direct_b ? g.b_row : kTile, c + i * g.c_row + j + s,
                                 g.c_row, bias ? bias + j + s : nullptr,   std::min(kTile, columns - s),
                                 p > 0};
            tile_rows(k, left, panel, r, std::min<int64_t>(kTileRows, rows - r));
          }
        }
      }
    }
  }
}

}  // namespace

void register_gemm_cpu();
void register_gemm_cpu() {
  static constexpr GemmLoops kLoops{&scratch<float>, &scratch<double>, &run<float>,
                                    &run<double>,    kTileRows,        kTileColumns<float>};
  loops<GemmLoops> = &kLoops;
}

}  // namespace farro::FARRO_ISA
