#include <farro/kernels/matmul/gemm.h>

#include <farro/core/dtype/visit.h>

#include <cblas.h>

#include <algorithm>
#include <vector>

namespace farro {

namespace {

template <class T>
using Wide = std::conditional_t<std::is_same_v<T, half> || std::is_same_v<T, bfloat16>, float,
                                std::conditional_t<std::is_floating_point_v<T>, T, uint64_t>>;

// Any dtype and strides; integers wrap in 64 bits.
template <class T>
void plain(const Gemm& g) {
  const T *a = static_cast<const T*>(g.a), *b = static_cast<const T*>(g.b), *bias = static_cast<const T*>(g.bias);
  T* c = static_cast<T*>(g.c);
  std::vector<Wide<T>> row(static_cast<size_t>(g.n));
  for (int64_t i = 0; i < g.m; ++i) {
    for (int64_t j = 0; j < g.n; ++j) row[static_cast<size_t>(j)] = bias ? static_cast<Wide<T>>(bias[j]) : Wide<T>{};
    for (int64_t p = 0; p < g.k; ++p) {
      const Wide<T> x = static_cast<Wide<T>>(a[i * g.a_row + p * g.a_col]);
      for (int64_t j = 0; j < g.n; ++j)
        row[static_cast<size_t>(j)] += x * static_cast<Wide<T>>(b[p * g.b_row + j * g.b_col]);
    }
    for (int64_t j = 0; j < g.n; ++j) c[i * g.c_row + j] = static_cast<T>(row[static_cast<size_t>(j)]);
  }
}

template <class T>
void blas(const Gemm& g) {
  const auto unit = [](int64_t row, int64_t col, int64_t rows, int64_t cols) {
    return (col == 1 || cols == 1) && (row >= cols || rows == 1);
  };
  const bool a_plain = unit(g.a_row, g.a_col, g.m, g.k), a_trans = unit(g.a_col, g.a_row, g.k, g.m);
  const bool b_plain = unit(g.b_row, g.b_col, g.k, g.n), b_trans = unit(g.b_col, g.b_row, g.n, g.k);
  if (!(a_plain || a_trans) || !(b_plain || b_trans) || g.k == 0) return plain<T>(g);
  T* c = static_cast<T*>(g.c);
  const T* bias = static_cast<const T*>(g.bias);
  if (bias)
    for (int64_t i = 0; i < g.m; ++i) std::copy_n(bias, g.n, c + i * g.c_row);
  const auto call = [&](auto gemm) {
    const auto i32 = [](int64_t v) { return static_cast<int>(v); };
    gemm(CblasRowMajor, a_plain ? CblasNoTrans : CblasTrans, b_plain ? CblasNoTrans : CblasTrans, i32(g.m), i32(g.n),
         i32(g.k), T{1}, static_cast<const T*>(g.a), i32(std::max(a_plain ? g.a_row : g.a_col, a_plain ? g.k : g.m)),
         static_cast<const T*>(g.b), i32(std::max(b_plain ? g.b_row : g.b_col, b_plain ? g.n : g.k)), bias ? T{1} : T{0}, c,
         i32(std::max(g.c_row, g.n)));
  };
  if constexpr (std::is_same_v<T, float>) call(cblas_sgemm);
  else call(cblas_dgemm);
}

}  // namespace

void run_gemm(DType dtype, const Gemm& gemm) {
  visit_dtype(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double>) blas<T>(gemm);
    else plain<T>(gemm);
  });
}

}  // namespace farro
