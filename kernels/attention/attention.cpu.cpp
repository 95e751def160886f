// SPDX-License-Identifier: Apache-2.0
// Scores are computed in blocks of queries by keys that stay in the second-level cache; a running maximum and sum per
// query let the blocks be added up as they come (Milakov and Gimelshein 2018); they are added up in double, since there
// may be thousands. Keys that a query may not see are left out, not weighted by 0: they may hold NaN and infinities.
#include <farro/core/op/op_table.h>
#include <farro/core/parallel/parallel.h>
#include <farro/kernels/attention/attention.op.h>
#include <farro/kernels/cpu/lanes.h>
#include <farro/kernels/cpu/vector_math.h>
#include <farro/kernels/matmul/gemm.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

namespace farro::FARRO_ISA {

namespace {

// A block of scores is 64 x 256 f32 = 64 KiB. With the second one that backward needs (u) and the flags it takes 144
// KiB, which fits a second-level cache of 256 KiB or more.
constexpr int64_t kQueries = 64;
constexpr int64_t kKeys = 256;

// A [B, H, rows, columns] operand; strides of broadcast dimensions are 0.
template <class T>
struct Matrices {
  T* data = nullptr;
  int64_t strides[4] = {};

  Matrices() = default;
  explicit Matrices(const Tensor& t) : data(data_of<T>(t)) {
    if (!t.defined()) return;
    const int lead = 4 - t.dim();
    for (int i = lead; i < 4; ++i) strides[i] = t.sizes()[i - lead] == 1 ? 0 : t.strides()[i - lead];
  }
  // Distances between rows and between columns, in the words of run_gemm: a transposed operand is the same memory with
  // the two exchanged, so no operand is ever copied to be transposed.
  int64_t row() const { return strides[2]; }
  int64_t col() const { return strides[3]; }
  T* at(int64_t b, int64_t h, int64_t i, int64_t j = 0) const {
    return data + b * strides[0] + h * strides[1] + i * strides[2] + j * strides[3];
  }
};

template <class T>
constexpr DType kDType = sizeof(T) == 8 ? DType::f64 : DType::f32;

// The score of a key that a query may not see; also what a key's score of -infinity makes of it.
template <class T>
constexpr T kNone = -std::numeric_limits<T>::infinity();

// What forward and backward share: the operands and the scores of one block.
template <class T>
struct Problem {
  Matrices<T> q, k, v, bias;
  Matrices<bool> allowed;
  int64_t heads, queries, keys, width, value_width;
  bool causal;
  T scale;

  Problem(const Tensor& q_, const Tensor& k_, const Tensor& v_, const Tensor& mask, bool causal_, double scale_)
      : q(q_),
        k(k_),
        v(v_),
        heads(q_.sizes()[1]),
        queries(q_.sizes()[2]),
        keys(k_.sizes()[2]),
        width(q_.sizes()[3]),
        value_width(v_.sizes()[3]),
        causal(causal_),
        scale(static_cast<T>(scale_)) {
    if (!mask.defined()) return;
    if (mask.dtype() == DType::boolean)
      allowed = Matrices<bool>(mask);
    else
      bias = Matrices<T>(mask);
  }

  // Keys that queries below `end` may see.
  // Causal attention is cut off by whole blocks here; only blocks on the diagonal are masked by element.
  int64_t visible(int64_t end) const { return causal ? std::min(keys, end) : keys; }

  // Whether such a block may hold keys that a query may not see.
  bool hides(int64_t i0, int64_t j0, int64_t columns) const {
    return bias.data || allowed.data || (causal && j0 + columns > i0 + 1);
  }

  // s[rows, columns] = scores of queries from i0 and keys from j0; -inf where there is no attention.
  void scores(Ctx& ctx, int64_t b, int64_t h, int64_t i0, int64_t rows, int64_t j0, int64_t columns, T* s) const {
    // A bias of -infinity hides the pair whatever the score is: NaN + -infinity would be NaN.
    run_gemm(ctx, kDType<T>,
             {rows, columns, width, q.at(b, h, i0), q.row(), q.col(), k.at(b, h, j0), k.col(), k.row(), s, columns});
    for (int64_t i = 0; i < rows; ++i, s += columns) {
      for (int64_t j = 0; j < columns; ++j) s[j] *= scale;
      if (bias.data)
        for (int64_t j = 0; j < columns; ++j) {
          const T more = *bias.at(b, h, i0 + i, j0 + j);
          s[j] = more == kNone<T> ? more : s[j] + more;
        }
      if (allowed.data)
        for (int64_t j = 0; j < columns; ++j) s[j] = *allowed.at(b, h, i0 + i, j0 + j) ? s[j] : kNone<T>;
      if (causal)
        for (int64_t j = std::max<int64_t>(i0 + i + 1 - j0, 0); j < columns; ++j) s[j] = kNone<T>;
    }
  }
};

// Which keys of a block are hidden: flags [rows, columns], without data where none can be.
struct Hidden {
  const bool* flags = nullptr;
  int64_t row = 0, col = 1;
  bool at(int64_t i, int64_t j) const { return flags[i * row + j * col]; }
  Hidden t() const { return {flags, col, row}; }
};
template <class T>
Hidden mark_hidden(const T* s, int64_t rows, int64_t columns, bool* flags) {
  for (int64_t i = 0; i < rows * columns; ++i) flags[i] = s[i] == kNone<T>;
  return {flags, columns, 1};
}

template <class T>
bool is_finite_row(const T* row, int64_t stride, int64_t n) {
  int bad = 0;
  if (stride == 1)
    for (int64_t j = 0; j < n; ++j) bad |= row[j] - row[j] != 0;
  else
    for (int64_t j = 0; j < n; ++j) bad |= row[j * stride] - row[j * stride] != 0;
  return !bad;
}

// part = a b, dense, for weights a [rows, inner] that are 0 where hidden, without the hidden terms: rows of b that are
// not finite are taken out of the product, and added where they may be seen.
template <class T>
void product_of_seen(Ctx& ctx, const Gemm& product, const Hidden& hidden, T* part) {
  Gemm g = product;
  g.c = part;
  g.c_row = g.n;
  const T *a = static_cast<const T*>(g.a), *rows = static_cast<const T*>(g.b);
  int64_t first = hidden.flags ? 0 : g.k;
  while (first < g.k && is_finite_row(rows + first * g.b_row, g.b_col, g.n)) ++first;
  if (first == g.k) return run_gemm(ctx, kDType<T>, g);
  Ctx own(ctx.parts());
  T* const copy = own.scratch<T>(g.k * g.n);
  for (int64_t r = 0; r < g.k; ++r) {
    const bool keep = is_finite_row(rows + r * g.b_row, g.b_col, g.n);
    for (int64_t j = 0; j < g.n; ++j) copy[r * g.n + j] = keep ? rows[r * g.b_row + j * g.b_col] : T{0};
  }
  g.b = copy;
  g.b_row = g.n;
  g.b_col = 1;
  run_gemm(ctx, kDType<T>, g);
  for (int64_t r = first; r < g.k; ++r) {
    const T* row = rows + r * product.b_row;
    if (is_finite_row(row, product.b_col, g.n)) continue;
    for (int64_t i = 0; i < g.m; ++i) {
      if (hidden.at(i, r)) continue;
      const T weight = a[i * g.a_row + r * g.a_col];
      for (int64_t j = 0; j < g.n; ++j) part[i * g.n + j] += weight * row[j * product.b_col];
    }
  }
}

// Work memory of a part of the loop.
template <class T>
struct Work {
  Ctx ctx;
  T *s, *u, *part;
  double* sums;
  bool* flags;
  Work(const Ctx::Parts& parts, int64_t part_size, int64_t sums_size)
      : ctx(parts),
        s(ctx.scratch<T>(kQueries * kKeys)),
        u(ctx.scratch<T>(kQueries * kKeys)),
        part(ctx.scratch<T>(part_size)),
        sums(ctx.scratch<double>(sums_size)),
        flags(ctx.scratch<bool>(kQueries * kKeys)) {}
};

template <class T>
void add_to(double* target, const T* part, int64_t n) {
  for (int64_t i = 0; i < n; ++i) target[i] += static_cast<double>(part[i]);
}

// Queries [i0, i0 + rows) of one head: out and lse, both dense.
template <class T>
void forward_block(const Problem<T>& p, int64_t b, int64_t h, int64_t i0, int64_t rows, T* out, T* lse, Work<T>& work) {
  const int64_t width = p.value_width;
  T *s = work.s, *part = work.part, max[kQueries];
  double sum[kQueries] = {}, *total = work.sums;
  std::fill_n(max, rows, kNone<T>);
  std::fill_n(total, rows * width, 0.0);
  const int64_t keys = p.visible(i0 + rows);
  for (int64_t j0 = 0; j0 < keys; j0 += kKeys) {
    const int64_t columns = std::min(kKeys, keys - j0);
    p.scores(work.ctx, b, h, i0, rows, j0, columns, s);
    const Hidden hidden = p.hides(i0, j0, columns) ? mark_hidden(s, rows, columns, work.flags) : Hidden();
    for (int64_t i = 0; i < rows; ++i) {
      T* row = s + i * columns;
      const T top = max_lanes(row, columns);
      // With m the old maximum and n the new one, what has been summed so far is off by exp(m - n): both the sum and
      // the row of products shrink by that factor, and new terms are exp(s - n) <= 1.
      const T next = top <= max[i] ? max[i] : top;  // NaN is kept
      if (next == kNone<T>) {
        // Nothing to attend to yet, which weighs 0, or NaN, which compares with nothing and must stay.
        for (int64_t j = 0; j < columns; ++j) row[j] = row[j] == kNone<T> ? T{0} : row[j];
        sum[i] += static_cast<double>(sum_lanes<T>(columns, [row](int64_t j) { return row[j]; }));
        continue;
      }
      for (int64_t j = 0; j < columns; ++j) row[j] = vmath::exp(row[j] - next);
      const double more = static_cast<double>(sum_lanes<T>(columns, [row](int64_t j) { return row[j]; }));
      if (next != max[i]) {
        const double shrink = std::exp(static_cast<double>(max[i]) - static_cast<double>(next));
        sum[i] *= shrink;
        // Nothing was seen before where the maximum was -infinity.
        for (int64_t j = 0; j < width; ++j) total[i * width + j] *= shrink;
        max[i] = next;
      }
      sum[i] += more;
    }
    product_of_seen(work.ctx,
                    {rows, width, columns, s, columns, 1, p.v.at(b, h, j0), p.v.row(), p.v.col(), nullptr, width},
                    hidden, part);
    add_to(total, part, rows * width);
  }
  for (int64_t i = 0; i < rows; ++i) {
    // A query that saw no key has the output 0, not 0 / 0.
    const double scale = sum[i] == 0 ? 0 : 1 / sum[i];
    for (int64_t j = 0; j < width; ++j) out[i * width + j] = static_cast<T>(total[i * width + j] * scale);
    lse[i] = sum[i] == 0 ? kNone<T> : static_cast<T>(static_cast<double>(max[i]) + std::log(sum[i]));
  }
}

template <class T>
void forward(Ctx& ctx, const Problem<T>& p, int64_t batches, T* out, T* lse) {
  const int64_t blocks = (p.queries + kQueries - 1) / kQueries;
  const Ctx::Parts contexts = ctx.parts();
  parallel_for(batches * p.heads * blocks, 1, [&](int64_t begin, int64_t end) {
    Work<T> work(contexts, kQueries * p.value_width, kQueries * p.value_width);
    for (int64_t n = begin; n < end; ++n) {
      const int64_t head = n / blocks, i0 = n % blocks * kQueries;
      const int64_t at = head * p.queries + i0;
      forward_block(p, head / p.heads, head % p.heads, i0, std::min(kQueries, p.queries - i0), out + at * p.value_width,
                    lse + at, work);
    }
  });
}

template <class T>
struct Gradients {
  const T *g, *out, *lse;  // dense
  T *q, *k, *v;            // dense
};

// One head: probabilities p are computed again from lse; with u = g v^T, d scores = p (u - rowsum(g * out)).
template <class T>
void backward_head(const Problem<T>& p, int64_t b, int64_t h, const Gradients<T>& d, Work<T>& work) {
  const int64_t width = p.width, value_width = p.value_width;
  T *s = work.s, *u = work.u, *part = work.part;
  double *dk = work.sums, *dv = dk + p.keys * width, *dq = dv + p.keys * value_width;
  std::fill_n(dk, p.keys * (width + value_width), 0.0);
  for (int64_t i0 = 0; i0 < p.queries; i0 += kQueries) {
    const int64_t rows = std::min(kQueries, p.queries - i0), keys = p.visible(i0 + rows);
    const T* g = d.g + i0 * value_width;
    // rowsum(g * out) equals rowsum(p * u), since out = p v: it needs no pass over the keys.
    T dots[kQueries];
    std::fill_n(dq, rows * width, 0.0);
    for (int64_t i = 0; i < rows; ++i) {
      const T *x = g + i * value_width, *y = d.out + (i0 + i) * value_width;
      dots[i] = sum_lanes<T>(value_width, [x, y](int64_t j) { return x[j] * y[j]; });
    }
    for (int64_t j0 = 0; j0 < keys; j0 += kKeys) {
      const int64_t columns = std::min(kKeys, keys - j0);
      p.scores(work.ctx, b, h, i0, rows, j0, columns, s);
      const Hidden hidden = p.hides(i0, j0, columns) ? mark_hidden(s, rows, columns, work.flags) : Hidden();
      for (int64_t i = 0; i < rows; ++i) {
        // p = exp(s - lse): lse = max + log(sum), so one subtraction replaces the maximum and the division of softmax.
        const T lse = d.lse[i0 + i];
        T* row = s + i * columns;
        // The forward saw no key here: exp(-inf - -inf) would be NaN.
        if (lse == kNone<T>)
          std::fill_n(row, columns, T{0});
        else
          for (int64_t j = 0; j < columns; ++j) row[j] = vmath::exp(row[j] - lse);
      }
      // Of a query whose row is NaN, these would be, too.
      if (hidden.flags)
        for (int64_t i = 0; i < rows * columns; ++i) s[i] = hidden.flags[i] ? T{0} : s[i];
      product_of_seen(work.ctx, {columns, value_width, rows, s, 1, columns, g, value_width, 1, nullptr, value_width},
                      hidden.t(), part);
      add_to(dv + j0 * value_width, part, columns * value_width);
      // u = g v^T. A hidden pair may be NaN in u and in s; it is set to 0 after the product, below.
      run_gemm(work.ctx, kDType<T>,
               {rows, columns, value_width, g, value_width, 1, p.v.at(b, h, j0), p.v.col(), p.v.row(), u, columns});
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = i * columns; j < (i + 1) * columns; ++j) u[j] = s[j] * (u[j] - dots[i]) * p.scale;
      if (hidden.flags)
        for (int64_t i = 0; i < rows * columns; ++i) u[i] = hidden.flags[i] ? T{0} : u[i];
      product_of_seen(work.ctx,
                      {rows, width, columns, u, columns, 1, p.k.at(b, h, j0), p.k.row(), p.k.col(), nullptr, width},
                      hidden, part);
      add_to(dq, part, rows * width);
      product_of_seen(work.ctx,
                      {columns, width, rows, u, 1, columns, p.q.at(b, h, i0), p.q.row(), p.q.col(), nullptr, width},
                      hidden.t(), part);
      add_to(dk + j0 * width, part, columns * width);
    }
    for (int64_t i = 0; i < rows * width; ++i) d.q[i0 * width + i] = static_cast<T>(dq[i]);
  }
  for (int64_t i = 0; i < p.keys * width; ++i) d.k[i] = static_cast<T>(dk[i]);
  for (int64_t i = 0; i < p.keys * value_width; ++i) d.v[i] = static_cast<T>(dv[i]);
}

template <class T>
void backward(Ctx& ctx, const Problem<T>& p, int64_t batches, const Gradients<T>& d) {
  // Split by heads only: dk and dv of a head are sums over all its queries, and one thread adds them in order. A split
  // by queries as well would need copies of them that are then added up.
  const int64_t widest = std::max(p.width, p.value_width);
  const Ctx::Parts contexts = ctx.parts();
  parallel_for(batches * p.heads, 1, [&](int64_t begin, int64_t end) {
    Work<T> work(contexts, std::max(kQueries, kKeys) * widest, p.keys * (p.width + p.value_width) + kQueries * p.width);
    for (int64_t head = begin; head < end; ++head) {
      const int64_t queries = head * p.queries, keys = head * p.keys;
      const Gradients<T> own{
          d.g + queries * p.value_width, d.out + queries * p.value_width, d.lse + queries, d.q + queries * p.width,
          d.k + keys * p.width,          d.v + keys * p.value_width};
      backward_head(p, head / p.heads, head % p.heads, own, work);
    }
  });
}

// Strided operands are read in place; only half types need a copy.
Tensor readable(Ctx& ctx, const Tensor& t) {
  return t.defined() && (t.dtype() == DType::f16 || t.dtype() == DType::bf16) ? ctx.dense(t) : t;
}

void forward_kernel(Ctx& ctx, const Attention::Args& args, Outputs<Attention>& outputs) {
  const Tensor q = readable(ctx, args.q), k = readable(ctx, args.k), v = readable(ctx, args.v),
               mask = readable(ctx, args.mask);
  const Tensor out = ctx.result(outputs[0]);
  const auto run = [&]<class T>(T) {
    const Problem<T> problem(q, k, v, mask, args.causal, args.scale);
    forward(ctx, problem, q.sizes()[0], data_of<T>(out), data_of<T>(outputs[1]));
  };
  if (q.dtype() == DType::f64)
    run(double{});
  else
    run(float{});
}

void backward_kernel(Ctx& ctx, const AttentionBackward::Args& args, Outputs<AttentionBackward>& outputs) {
  const Tensor q = readable(ctx, args.q), k = readable(ctx, args.k), v = readable(ctx, args.v),
               mask = readable(ctx, args.mask);
  const Tensor g = ctx.dense(args.grad), out = ctx.dense(args.out), lse = ctx.dense(args.lse);
  const Tensor gq = ctx.result(outputs[0]), gk = ctx.result(outputs[1]), gv = ctx.result(outputs[2]);
  const auto run = [&]<class T>(T) {
    const Problem<T> problem(q, k, v, mask, args.causal, args.scale);
    backward<T>(ctx, problem, q.sizes()[0],
                {data_of<T>(g), data_of<T>(out), data_of<T>(lse), data_of<T>(gq), data_of<T>(gk), data_of<T>(gv)});
  };
  if (q.dtype() == DType::f64)
    run(double{});
  else
    run(float{});
}

}  // namespace

void register_attention_cpu();
void register_attention_cpu() {
  register_kernel<Attention>(DeviceType::cpu, &forward_kernel);
  register_kernel<AttentionBackward>(DeviceType::cpu, &backward_kernel);
}

}  // namespace farro::FARRO_ISA
