// SPDX-License-Identifier: Apache-2.0
// softmax, log_softmax and their gradients on the CPU. Slices along the last dimension are rows; slices along another
// are walked 64 side by side, so that memory is read in order. The greatest element is subtracted before exp.
#include <farro/core/op/op_table.h>
#include <farro/core/parallel/parallel.h>
#include <farro/kernels/softmax/exp_rows.h>
#include <farro/kernels/softmax/softmax.op.h>

namespace farro::FARRO_ISA {

namespace {

constexpr int64_t kGrain = 16384;  // elements worth a thread: an exponential costs about as much as two additions
constexpr int64_t kMaxRows = 128;  // rows whose statistics are kept at a time
constexpr int64_t kColumns = 64;   // neighbouring slices that are walked together

int64_t grain(int64_t length) { return std::max<int64_t>(kGrain / std::max<int64_t>(length, 1), 1); }

// Slices that are rows: out may be x.
template <class T>
void softmax_rows(const T* x, T* out, int64_t rows, int64_t n) {
  const int64_t step = std::max<int64_t>(kExpBlock / n, 1);
  // Short rows are taken together, so that exp runs over long stretches.
  for (int64_t begin = 0; begin < rows; begin += step) {
    const int64_t end = std::min(begin + step, rows);
    for (int64_t r = begin; r < end; ++r) {
      const T max = max_lanes(x + r * n, n);
      for (int64_t i = 0; i < n; ++i) out[r * n + i] = x[r * n + i] - max;
    }
    exp_run(out + begin * n, (end - begin) * n);
    for (int64_t r = begin; r < end; ++r) {
      T* row = out + r * n;
      // One division a row; the elements are multiplied.
      const T scale = 1 / static_cast<T>(sum_blocks<T>(n, [row](int64_t i) { return row[i]; }));
      for (int64_t i = 0; i < n; ++i) row[i] *= scale;
    }
  }
}

template <class T>
void log_softmax_rows(const T* x, T* out, int64_t rows, int64_t n) {
  T max[kMaxRows], log_sum[kMaxRows];
  for (int64_t begin = 0; begin < rows; begin += kMaxRows) {
    const int64_t count = std::min(kMaxRows, rows - begin);
    log_sum_exp_rows(x + begin * n, count, n, max, log_sum);
    for (int64_t r = 0; r < count; ++r) {
      const T* in = x + (begin + r) * n;
      T* row = out + (begin + r) * n;
      for (int64_t i = 0; i < n; ++i) row[i] = in[i] - max[r] - log_sum[r];
    }
  }
}

// Sums of `width` slices side by side that are walked in order: a few elements in T, these in double. Double all the
// way would cost a tenth to a fifth of a softmax.
template <class T>
struct ColumnSums {
  static constexpr int64_t kRun = 32;
  T run[kColumns] = {};
  double total[kColumns] = {};

  // After element i of the slices was added to `run`.
  void carry(int64_t i, int64_t width) {
    if (i % kRun != kRun - 1) return;
    for (int64_t j = 0; j < width; ++j) {
      total[j] += static_cast<double>(run[j]);
      run[j] = 0;
    }
  }
  T of(int64_t j) const { return static_cast<T>(total[j] + static_cast<double>(run[j])); }
};

// `width` slices side by side, `stride` elements from one of their elements to the next.
template <class T, bool kLog>
void softmax_columns(const T* x, T* out, int64_t n, int64_t stride, int64_t width) {
  T max[kColumns], scale[kColumns], block[kColumns];
  ColumnSums<T> sums;
  // The plain comparison passes a NaN over that is not the first; exp then gives NaN for it, and with it the sum.
  std::copy_n(x, width, max);
  for (int64_t i = 1; i < n; ++i)
    for (int64_t j = 0; j < width; ++j) max[j] = x[i * stride + j] > max[j] ? x[i * stride + j] : max[j];
  for (int64_t i = 0; i < n; ++i) {
    // log_softmax does not need the exponentials themselves, only their sum.
    T* target = kLog ? block : out + i * stride;
    for (int64_t j = 0; j < width; ++j) target[j] = x[i * stride + j] - max[j];
    exp_run(target, width);
    for (int64_t j = 0; j < width; ++j) sums.run[j] += target[j];
    sums.carry(i, width);
  }
  for (int64_t j = 0; j < width; ++j) {
    const T sum = sums.of(j);
    scale[j] = kLog ? std::log(sum) : 1 / sum;
  }
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < width; ++j) {
      T& value = out[i * stride + j];
      value = kLog ? x[i * stride + j] - max[j] - scale[j] : value * scale[j];
    }
}

template <class T, bool kLog>
void backward_rows(const T* g, const T* y, T* out, int64_t rows, int64_t n) {
  for (int64_t r = 0; r < rows; ++r, g += n, y += n, out += n) {
    if constexpr (kLog) {
      // y = log_softmax(x): grad_x = g - exp(y) sum(g).
      const T sum = static_cast<T>(sum_blocks<T>(n, [g](int64_t i) { return g[i]; }));
      std::copy_n(y, n, out);
      exp_run(out, n);
      for (int64_t i = 0; i < n; ++i) out[i] = g[i] - out[i] * sum;
    } else {
      // y = softmax(x): grad_x = y (g - sum(g y)).
      const T sum = static_cast<T>(sum_blocks<T>(n, [g, y](int64_t i) { return g[i] * y[i]; }));
      for (int64_t i = 0; i < n; ++i) out[i] = y[i] * (g[i] - sum);
    }
  }
}

template <class T, bool kLog>
void backward_columns(const T* g, const T* y, T* out, int64_t n, int64_t stride, int64_t width) {
  ColumnSums<T> sums;
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < width; ++j) sums.run[j] += g[i * stride + j] * (kLog ? T{1} : y[i * stride + j]);
    sums.carry(i, width);
  }
  T sum[kColumns];
  for (int64_t j = 0; j < width; ++j) sum[j] = sums.of(j);
  for (int64_t i = 0; i < n; ++i) {
    const int64_t at = i * stride;
    if constexpr (kLog) {
      std::copy_n(y + at, width, out + at);
      exp_run(out + at, width);
      for (int64_t j = 0; j < width; ++j) out[at + j] = g[at + j] - out[at + j] * sum[j];
    } else {
      for (int64_t j = 0; j < width; ++j) out[at + j] = y[at + j] * (g[at + j] - sum[j]);
    }
  }
}

// Calls rows(offset, count) on ranges of rows, or columns(offset, width) on groups of slices.
template <class Rows, class Columns>
void for_slices(const SoftmaxShape& s, Rows rows, Columns columns) {
  if (s.inner == 1) {
    parallel_for(s.outer, grain(s.length), [&](int64_t begin, int64_t end) { rows(begin * s.length, end - begin); });
    return;
  }
  // A slice along another dimension than the last has stride `inner`: 64 neighbours fill whole cache lines at every
  // step.
  const int64_t groups = (s.inner + kColumns - 1) / kColumns;
  parallel_for(s.outer * groups, grain(s.length * std::min(s.inner, kColumns)), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = i % groups * kColumns;
      columns(i / groups * s.length * s.inner + first, std::min(kColumns, s.inner - first));
    }
  });
}

template <class T, bool kLog>
void run_forward(const Tensor& input, const Tensor& output, const SoftmaxShape& s) {
  const T* x = data_of<T>(input);
  T* out = data_of<T>(output);
  for_slices(
      s,
      [&](int64_t at, int64_t rows) {
        if constexpr (kLog)
          log_softmax_rows(x + at, out + at, rows, s.length);
        else
          softmax_rows(x + at, out + at, rows, s.length);
      },
      [&](int64_t at, int64_t width) { softmax_columns<T, kLog>(x + at, out + at, s.length, s.inner, width); });
}

template <class T, bool kLog>
void run_backward(const Tensor& grad, const Tensor& output, const Tensor& result, const SoftmaxShape& s) {
  const T *g = data_of<T>(grad), *y = data_of<T>(output);
  T* out = data_of<T>(result);
  for_slices(
      s, [&](int64_t at, int64_t rows) { backward_rows<T, kLog>(g + at, y + at, out + at, rows, s.length); },
      [&](int64_t at, int64_t width) {
        backward_columns<T, kLog>(g + at, y + at, out + at, s.length, s.inner, width);
      });
}

template <class Op, bool kLog>
void forward_kernel(Ctx& ctx, const typename Op::Args& args, Outputs<Op>& out) {
  if (out[0].numel() == 0) return;
  const Tensor x = ctx.dense(args.x);
  const Tensor result = ctx.result(out[0]);
  const SoftmaxShape shape = softmax_shape(x.sizes(), args.dim);
  if (x.dtype() == DType::f64)
    run_forward<double, kLog>(x, result, shape);
  else
    run_forward<float, kLog>(x, result, shape);
}

template <class Op, bool kLog>
void backward_kernel(Ctx& ctx, const typename Op::Args& args, Outputs<Op>& out) {
  if (out[0].numel() == 0) return;
  const Tensor g = ctx.dense(args.grad), y = ctx.dense(args.output);
  const Tensor result = ctx.result(out[0]);
  const SoftmaxShape shape = softmax_shape(y.sizes(), args.dim);
  if (y.dtype() == DType::f64)
    run_backward<double, kLog>(g, y, result, shape);
  else
    run_backward<float, kLog>(g, y, result, shape);
}

}  // namespace

void register_softmax_cpu();
void register_softmax_cpu() {
  register_kernel<Softmax>(DeviceType::cpu, &forward_kernel<Softmax, false>);
  register_kernel<SoftmaxBackward>(DeviceType::cpu, &backward_kernel<SoftmaxBackward, false>);
  register_kernel<LogSoftmax>(DeviceType::cpu, &forward_kernel<LogSoftmax, true>);
  register_kernel<LogSoftmaxBackward>(DeviceType::cpu, &backward_kernel<LogSoftmaxBackward, true>);
}

}  // namespace farro::FARRO_ISA
