// Scores are computed in blocks of queries by keys that stay in the second-level cache; a running maximum and sum per
// query let the blocks be added up as they come (Milakov and Gimelshein 2018).
#include <farro/core/util/parallel.h>
#include <farro/core/op/op_table.h>
#include <farro/kernels/attention/attention.op.h>
#include <farro/kernels/cpu/lanes.h>
#include <farro/kernels/cpu/vector_math.h>
#include <farro/kernels/matmul/gemm.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace farro::FARRO_ISA {

namespace {

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
  int64_t row() const { return strides[2]; }
  int64_t col() const { return strides[3]; }
  T* at(int64_t b, int64_t h, int64_t i, int64_t j = 0) const {
    return data + b * strides[0] + h * strides[1] + i * strides[2] + j * strides[3];
  }
};

template <class T>
constexpr DType kDType = sizeof(T) == 8 ? DType::f64 : DType::f32;

// The score of a key that a query may not see.
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
    if (mask.dtype() == DType::boolean) allowed = Matrices<bool>(mask);
    else bias = Matrices<T>(mask);
  }

  // Keys that queries below `end` may see.
  int64_t visible(int64_t end) const { return causal ? std::min(keys, end) : keys; }

  // s[rows, columns] = scores of queries from i0 and keys from j0; -inf where there is no attention.
  void scores(Ctx& ctx, int64_t b, int64_t h, int64_t i0, int64_t rows, int64_t j0, int64_t columns, T* s) const {
    run_gemm(ctx, kDType<T>, {rows, columns, width, q.at(b, h, i0), q.row(), q.col(), k.at(b, h, j0), k.col(), k.row(), s, columns});
    for (int64_t i = 0; i < rows; ++i, s += columns) {
      for (int64_t j = 0; j < columns; ++j) s[j] *= scale;
      if (bias.data)
        for (int64_t j = 0; j < columns; ++j) s[j] += *bias.at(b, h, i0 + i, j0 + j);
      if (allowed.data)
        for (int64_t j = 0; j < columns; ++j) s[j] = *allowed.at(b, h, i0 + i, j0 + j) ? s[j] : kNone<T>;
      if (causal)
        for (int64_t j = std::max<int64_t>(i0 + i + 1 - j0, 0); j < columns; ++j) s[j] = kNone<T>;
    }
  }
};

// Queries [i0, i0 + rows) of one head: out and lse, both dense.
template <class T>
void forward_block(Ctx& ctx, const Problem<T>& p, int64_t b, int64_t h, int64_t i0, int64_t rows, T* out, T* lse, T* s, T* part) {
  const int64_t width = p.value_width;
  T max[kQueries], sum[kQueries] = {};
  std::fill_n(max, rows, kNone<T>);
  std::fill_n(out, rows * width, T{0});
  const int64_t keys = p.visible(i0 + rows);
  for (int64_t j0 = 0; j0 < keys; j0 += kKeys) {
    const int64_t columns = std::min(kKeys, keys - j0);
    p.scores(ctx, b, h, i0, rows, j0, columns, s);
    for (int64_t i = 0; i < rows; ++i) {
      T* row = s + i * columns;
      const T top = max_lanes(row, columns);
      const T next = top <= max[i] ? max[i] : top;  // NaN is kept
      if (next == kNone<T>) {
        // Nothing to attend to yet, which weighs 0, or NaN, which compares with nothing and must stay.
        for (int64_t j = 0; j < columns; ++j) row[j] = row[j] == kNone<T> ? T{0} : row[j];
        sum[i] += sum_lanes<T>(columns, [row](int64_t j) { return row[j]; });
        continue;
      }
      const T shrink = std::exp(max[i] - next);
      for (int64_t j = 0; j < columns; ++j) row[j] = vmath::exp(row[j] - next);
      sum[i] = sum[i] * shrink + sum_lanes<T>(columns, [row](int64_t j) { return row[j]; });
      for (int64_t j = 0; j < width; ++j) out[i * width + j] *= shrink;
      max[i] = next;
    }
    run_gemm(ctx, kDType<T>, {rows, width, columns, s, columns, 1, p.v.at(b, h, j0), p.v.row(), p.v.col(), part, width});
    for (int64_t i = 0; i < rows * width; ++i) out[i] += part[i];
  }
  for (int64_t i = 0; i < rows; ++i) {
    const T scale = sum[i] == 0 ? T{0} : 1 / sum[i];
    for (int64_t j = 0; j < width; ++j) out[i * width + j] *= scale;
    lse[i] = sum[i] == 0 ? kNone<T> : max[i] + std::log(sum[i]);
  }
}

template <class T>
void forward(Ctx& ctx, const Problem<T>& p, int64_t batches, T* out, T* lse) {
  const int64_t blocks = (p.queries + kQueries - 1) / kQueries;
  const Ctx::Parts contexts = ctx.parts();
  parallel_for(batches * p.heads * blocks, 1, [&](int64_t begin, int64_t end) {
    Ctx work(contexts);
    T* const scores = work.scratch<T>(kQueries * kKeys);
    T* const parts = work.scratch<T>(kQueries * p.value_width);
    for (int64_t n = begin; n < end; ++n) {
      const int64_t head = n / blocks, i0 = n % blocks * kQueries;
      const int64_t at = head * p.queries + i0;
      forward_block(work, p, head / p.heads, head % p.heads, i0, std::min(kQueries, p.queries - i0), out + at * p.value_width,
                    lse + at, scores, parts);
    }
  });
}

template <class T>
void add_to(T* target, const T* part, int64_t n) {
  for (int64_t i = 0; i < n; ++i) target[i] += part[i];
}

template <class T>
struct Gradients {
  const T *g, *out, *lse;  // dense
  T *q, *k, *v;            // dense
};

// One head: probabilities p are computed again from lse; with u = g v^T, d scores = p (u - rowsum(g * out)).
template <class T>
void backward_head(Ctx& ctx, const Problem<T>& p, int64_t b, int64_t h, const Gradients<T>& d, T* s, T* u, T* part) {
  const int64_t width = p.width, value_width = p.value_width;
  std::fill_n(d.q, p.queries * width, T{0});
  std::fill_n(d.k, p.keys * width, T{0});
  std::fill_n(d.v, p.keys * value_width, T{0});
  for (int64_t i0 = 0; i0 < p.queries; i0 += kQueries) {
    const int64_t rows = std::min(kQueries, p.queries - i0), keys = p.visible(i0 + rows);
    const T* g = d.g + i0 * value_width;
    T dots[kQueries];
    for (int64_t i = 0; i < rows; ++i) {
      const T *x = g + i * value_width, *y = d.out + (i0 + i) * value_width;
      dots[i] = sum_lanes<T>(value_width, [x, y](int64_t j) { return x[j] * y[j]; });
    }
    for (int64_t j0 = 0; j0 < keys; j0 += kKeys) {
      const int64_t columns = std::min(kKeys, keys - j0);
      p.scores(ctx, b, h, i0, rows, j0, columns, s);
      for (int64_t i = 0; i < rows; ++i) {
        const T lse = d.lse[i0 + i];
        T* row = s + i * columns;
        if (lse == kNone<T>) std::fill_n(row, columns, T{0});
        else
          for (int64_t j = 0; j < columns; ++j) row[j] = vmath::exp(row[j] - lse);
      }
      run_gemm(ctx, kDType<T>, {columns, value_width, rows, s, 1, columns, g, value_width, 1, part, value_width});
      add_to(d.v + j0 * value_width, part, columns * value_width);
      run_gemm(ctx, kDType<T>, {rows, columns, value_width, g, value_width, 1, p.v.at(b, h, j0), p.v.col(), p.v.row(), u, columns});
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = i * columns; j < (i + 1) * columns; ++j) u[j] = s[j] * (u[j] - dots[i]) * p.scale;
      run_gemm(ctx, kDType<T>, {rows, width, columns, u, columns, 1, p.k.at(b, h, j0), p.k.row(), p.k.col(), part, width});
      add_to(d.q + i0 * width, part, rows * width);
      run_gemm(ctx, kDType<T>, {columns, width, rows, u, 1, columns, p.q.at(b, h, i0), p.q.row(), p.q.col(), part, width});
      add_to(d.k + j0 * width, part, columns * width);
    }
  }
}

template <class T>
void backward(Ctx& ctx, const Problem<T>& p, int64_t batches, const Gradients<T>& d) {
  const int64_t widest = std::max(p.width, p.value_width);
  const Ctx::Parts contexts = ctx.parts();
  parallel_for(batches * p.heads, 1, [&](int64_t begin, int64_t end) {
    Ctx work(contexts);
    T* const scores = work.scratch<T>(kQueries * kKeys);
    T* const products = work.scratch<T>(kQueries * kKeys);
    T* const parts = work.scratch<T>(std::max(kQueries, kKeys) * widest);
    for (int64_t head = begin; head < end; ++head) {
      const int64_t queries = head * p.queries, keys = head * p.keys;
      const Gradients<T> own{d.g + queries * p.value_width, d.out + queries * p.value_width, d.lse + queries,
                             d.q + queries * p.width,       d.k + keys * p.width,            d.v + keys * p.value_width};
      backward_head(work, p, head / p.heads, head % p.heads, own, scores, products, parts);
    }
  });
}

// Strided operands are read in place; only half types need a copy.
Tensor readable(Ctx& ctx, const Tensor& t) {
  return t.defined() && (t.dtype() == DType::f16 || t.dtype() == DType::bf16) ? ctx.dense(t) : t;
}

void forward_kernel(Ctx& ctx, const Attention::Args& args, Outputs<Attention>& outputs) {
  const Tensor q = readable(ctx, args.q), k = readable(ctx, args.k), v = readable(ctx, args.v), mask = readable(ctx, args.mask);
  const Tensor out = ctx.result(outputs[0]);
  const auto run = [&]<class T>(T) {
    const Problem<T> problem(q, k, v, mask, args.causal, args.scale);
    forward(ctx, problem, q.sizes()[0], data_of<T>(out), data_of<T>(outputs[1]));
  };
  if (q.dtype() == DType::f64) run(double{});
  else run(float{});
}

void backward_kernel(Ctx& ctx, const AttentionBackward::Args& args, Outputs<AttentionBackward>& outputs) {
  const Tensor q = readable(ctx, args.q), k = readable(ctx, args.k), v = readable(ctx, args.v), mask = readable(ctx, args.mask);
  const Tensor g = ctx.dense(args.grad), out = ctx.dense(args.out), lse = ctx.dense(args.lse);
  const Tensor gq = ctx.result(outputs[0]), gk = ctx.result(outputs[1]), gv = ctx.result(outputs[2]);
  const auto run = [&]<class T>(T) {
    const Problem<T> problem(q, k, v, mask, args.causal, args.scale);
    backward<T>(ctx, problem, q.sizes()[0],
                {data_of<T>(g), data_of<T>(out), data_of<T>(lse), data_of<T>(gq), data_of<T>(gk),
                 data_of<T>(gv)});
  };
  if (q.dtype() == DType::f64) run(double{});
  else run(float{});
}

}  // namespace

void register_attention_cpu();
void register_attention_cpu() {
  register_kernel<Attention>(DeviceType::cpu, &forward_kernel);
  register_kernel<AttentionBackward>(DeviceType::cpu, &backward_kernel);
}

}  // namespace farro::FARRO_ISA
