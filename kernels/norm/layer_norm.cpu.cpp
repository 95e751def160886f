// SPDX-License-Identifier: Apache-2.0
// layer_norm and rms_norm, forward and backward, on the CPU: y = (x - mean) * rstd * weight + bias for each row, and
// rms_norm is the same around zero (kCenter false). Rows are independent, so threads share them out; the gradients of
// weight and bias are sums over rows, formed over fixed chunks that are added in order.
#include <farro/core/op/op_table.h>
#include <farro/core/parallel/parallel.h>
#include <farro/kernels/cpu/lanes.h>
#include <farro/kernels/norm/layer_norm.op.h>

#include <algorithm>
#include <cmath>

namespace farro::FARRO_ISA {

namespace {

constexpr int64_t kGrain = 16384;  // elements worth a thread

// Gradients of weight and bias are summed over groups of rows in T, over the groups of a chunk and the chunks in
// double.
// At most 32 terms are added up in f32, so that such a sum keeps all but the last few bits.
constexpr int64_t kGroup = 32;
// Each chunk has sums of its own, 16 bytes for each column; 64 are enough parts for many threads.
constexpr int64_t kMaxChunks = 64;

int64_t row_length(const Tensor& x, int64_t dims) {
  int64_t n = 1;
  for (int i = x.dim() - static_cast<int>(dims); i < x.dim(); ++i) n *= x.sizes()[i];
  return n;
}
int64_t row_grain(int64_t n) { return std::max<int64_t>(kGrain / std::max<int64_t>(n, 1), 1); }

template <class T>
struct Row {
  T mean, rstd;
};

// Two passes: the second sums squares of differences, so that a large mean costs no digits.
template <class T, bool kCenter>
inline Row<T> statistics(const T* x, int64_t n, double eps) {
  const double count = static_cast<double>(n);
  const T mean = kCenter ? static_cast<T>(sum_blocks<T>(n, [x](int64_t i) { return x[i]; }) / count) : T{0};
  const double squares = sum_blocks<T>(n, [x, mean](int64_t i) { return (x[i] - mean) * (x[i] - mean); });
  return {mean, static_cast<T>(1 / std::sqrt(squares / count + eps))};
}

template <class T, bool kCenter>
void forward(const T* x, const T* weight, const T* bias, T* y, T* mean, T* rstd, int64_t rows, int64_t n, double eps) {
  parallel_for(rows, row_grain(n), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const T* in = x + r * n;
      T* out = y + r * n;
      const Row<T> row = statistics<T, kCenter>(in, n, eps);
      if (kCenter) mean[r] = row.mean;
      rstd[r] = row.rstd;
#pragma GCC ivdep
      for (int64_t i = 0; i < n; ++i) {
        const T value = (in[i] - row.mean) * row.rstd;
        out[i] = bias ? (weight ? value * weight[i] + bias[i] : value + bias[i]) : weight ? value * weight[i] : value;
      }
    }
  });
}

// The operands of a backward pass; pointers of what is absent or not wanted are null.
template <class T>
struct Backward {
  const T *g, *x, *mean, *rstd, *weight;
  T *gx, *gw, *gb;
  int64_t rows, n;
};

template <class T, bool kCenter>
void backward_x(const Backward<T>& b, int64_t r) {
  const T *g = b.g + r * b.n, *x = b.x + r * b.n, *w = b.weight;
  const T mean = kCenter ? b.mean[r] : T{0}, rstd = b.rstd[r];
  const auto u = [=](int64_t i) { return w ? g[i] * w[i] : g[i]; };
  const double count = static_cast<double>(b.n);
  // With u = g * weight and h = (x - mean) * rstd: grad_x = rstd * (u - mean(u) - h * mean(u h)); the mean(u) falls
  // away where nothing was centred.
  const T dot = static_cast<T>(sum_blocks<T>(b.n, [=](int64_t i) { return u(i) * ((x[i] - mean) * rstd); }) / count);
  const T average = kCenter ? static_cast<T>(sum_blocks<T>(b.n, u) / count) : T{0};
  T* out = b.gx + r * b.n;
#pragma GCC ivdep
  for (int64_t i = 0; i < b.n; ++i) out[i] = rstd * (u(i) - average - (x[i] - mean) * rstd * dot);
}

// Adds rows [begin, end) of g * x-hat and of g to sums in T.
template <class T, bool kCenter>
void add_rows(const Backward<T>& b, int64_t begin, int64_t end, T* weight_sum, T* bias_sum) {
  for (int64_t r = begin; r < end; ++r) {
    const T *g = b.g + r * b.n, *x = b.x + r * b.n;
    const T mean = kCenter ? b.mean[r] : T{0}, rstd = b.rstd[r];
    const int64_t weights = b.gw ? b.n : 0, biases = b.gb ? b.n : 0;
#pragma GCC ivdep
    for (int64_t i = 0; i < weights; ++i) weight_sum[i] += g[i] * ((x[i] - mean) * rstd);
#pragma GCC ivdep
    for (int64_t i = 0; i < biases; ++i) bias_sum[i] += g[i];
  }
}

// One chunk of rows: their gx, and their sums in `totals` [2, n]; `sums` [2, n] is work memory.
template <class T, bool kCenter>
void backward_chunk(const Backward<T>& b, int64_t begin, int64_t end, double* totals, T* sums) {
  std::fill_n(totals, 2 * b.n, 0.0);
  for (int64_t first = begin; first < end; first += kGroup) {
    const int64_t last = std::min(first + kGroup, end);
    if (b.gx)
      for (int64_t r = first; r < last; ++r) backward_x<T, kCenter>(b, r);
    if (!b.gw && !b.gb) continue;
    std::fill_n(sums, 2 * b.n, T{0});
    add_rows<T, kCenter>(b, first, last, sums, sums + b.n);
    for (int64_t i = 0; i < 2 * b.n; ++i) totals[i] += static_cast<double>(sums[i]);
  }
}

template <class T, bool kCenter>
void backward(const Backward<T>& b) {
  // Without parameters' gradients rows have nothing to do with each other: no chunks.
  if (!b.gw && !b.gb) {
    parallel_for(b.rows, row_grain(b.n), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) backward_x<T, kCenter>(b, r);
    });
    return;
  }
  // Chunks depend on the number of rows alone, so that threads do not matter.
  const int64_t chunk = std::max((b.rows + kMaxChunks - 1) / kMaxChunks, kGroup);
  const int64_t chunks = (b.rows + chunk - 1) / chunk;
  const Tensor totals = empty({chunks, 2, b.n}, {.dtype = DType::f64, .device = Device::cpu()});
  double* total = data_of<double>(totals);
  parallel_for(chunks, std::max<int64_t>(row_grain(b.n) / chunk, 1), [&](int64_t begin, int64_t end) {
    const Tensor sums = empty({2, b.n}, {.dtype = sizeof(T) == 8 ? DType::f64 : DType::f32, .device = Device::cpu()});
    for (int64_t c = begin; c < end; ++c)
      backward_chunk<T, kCenter>(b, c * chunk, std::min((c + 1) * chunk, b.rows), total + c * 2 * b.n,
                                 data_of<T>(sums));
  });
  for (int64_t i = 0; i < b.n; ++i) {
    double weight_sum = 0, bias_sum = 0;
    for (int64_t c = 0; c < chunks; ++c) {
      weight_sum += total[c * 2 * b.n + i];
      bias_sum += total[(c * 2 + 1) * b.n + i];
    }
    if (b.gw) b.gw[i] = static_cast<T>(weight_sum);
    if (b.gb) b.gb[i] = static_cast<T>(bias_sum);
  }
}

// fn(T{}) in the type the loops compute in.
template <class Fn>
void in_type(const Tensor& x, Fn fn) {
  if (x.dtype() == DType::f64)
    fn(double{});
  else
    fn(float{});
}

void layer_norm_kernel(Ctx& ctx, const LayerNorm::Args& args, Outputs<LayerNorm>& out) {
  const Tensor x = ctx.dense(args.x), weight = ctx.dense(args.weight), bias = ctx.dense(args.bias);
  const Tensor y = ctx.result(out[0]);
  const int64_t n = row_length(x, args.dims), rows = out[1].numel();
  in_type(x, [&]<class T>(T) {
    forward<T, true>(data_of<T>(x), data_of<T>(weight), data_of<T>(bias), data_of<T>(y), data_of<T>(out[1]),
                     data_of<T>(out[2]), rows, n, args.eps);
  });
}

void rms_norm_kernel(Ctx& ctx, const RmsNorm::Args& args, Outputs<RmsNorm>& out) {
  const Tensor x = ctx.dense(args.x), weight = ctx.dense(args.weight);
  const Tensor y = ctx.result(out[0]);
  const int64_t n = row_length(x, args.dims), rows = out[1].numel();
  in_type(x, [&]<class T>(T) {
    forward<T, false>(data_of<T>(x), data_of<T>(weight), nullptr, data_of<T>(y), nullptr, data_of<T>(out[1]), rows, n,
                      args.eps);
  });
}

void layer_norm_backward_kernel(Ctx& ctx, const LayerNormBackward::Args& args, Outputs<LayerNormBackward>& out) {
  const Tensor g = ctx.dense(args.grad), x = ctx.dense(args.x), mean = ctx.dense(args.mean),
               rstd = ctx.dense(args.rstd);
  const Tensor weight = ctx.dense(args.weight);
  const Tensor gx = ctx.result(out[0]), gw = ctx.result(out[1]), gb = ctx.result(out[2]);
  in_type(x, [&]<class T>(T) {
    backward<T, true>({data_of<T>(g), data_of<T>(x), data_of<T>(mean), data_of<T>(rstd), data_of<T>(weight),
                       args.need_x ? data_of<T>(gx) : nullptr, args.need_weight ? data_of<T>(gw) : nullptr,
                       args.need_bias ? data_of<T>(gb) : nullptr, rstd.numel(), row_length(x, args.dims)});
  });
}

void rms_norm_backward_kernel(Ctx& ctx, const RmsNormBackward::Args& args, Outputs<RmsNormBackward>& out) {
  const Tensor g = ctx.dense(args.grad), x = ctx.dense(args.x), rstd = ctx.dense(args.rstd),
               weight = ctx.dense(args.weight);
  const Tensor gx = ctx.result(out[0]), gw = ctx.result(out[1]);
  in_type(x, [&]<class T>(T) {
    backward<T, false>({data_of<T>(g), data_of<T>(x), nullptr, data_of<T>(rstd), data_of<T>(weight),
                        args.need_x ? data_of<T>(gx) : nullptr, args.need_weight ? data_of<T>(gw) : nullptr, nullptr,
                        rstd.numel(), row_length(x, args.dims)});
  });
}

}  // namespace

void register_layer_norm_cpu();
void register_layer_norm_cpu() {
  register_kernel<LayerNorm>(DeviceType::cpu, &layer_norm_kernel);
  register_kernel<LayerNormBackward>(DeviceType::cpu, &layer_norm_backward_kernel);
  register_kernel<RmsNorm>(DeviceType::cpu, &rms_norm_kernel);
  register_kernel<RmsNormBackward>(DeviceType::cpu, &rms_norm_backward_kernel);
}

}  // namespace farro::FARRO_ISA
