// SPDX-License-Identifier: Apache-2.0
// layer_norm and rms_norm on the device: one block per row, sums in f32 (f64 for f64). rms_norm is layer_norm around
// zero, so both share their kernels. Parameter gradients are summed in a fixed order, so results are deterministic.
#include <farro/autograd/node/grad_mode.h>
#include <farro/core/dtype/visit.h>
#include <farro/core/op/op_table.h>
#include <farro/kernels/norm/layer_norm.op.h>
#include <farro/kernels/simt/launch.h>
#include <farro/kernels/simt/math.h>
#include <farro/kernels/simt/types.h>
#include <farro/kernels/simt/vec.h>
#include <farro/kernels/simt/warp.h>

#include <algorithm>

namespace farro {

namespace {

using simt::acc_t;
using simt::Add;
using simt::Vec;

constexpr size_t kCacheLimit = 48 << 10;  // shared memory that needs no opt-in and leaves room for several blocks
// A warp reads 32 neighbouring columns of a row, in whole sectors of 32 bytes. 8 rows of threads make a block of 256,
// of which 8 fit an SM (2,048 threads); its two arrays take 2 KiB in f32.
constexpr int kTile = 32;  // columns of a block that sums over rows
constexpr int kTileRows = 8;
// 8 rows for each thread of a column: enough work for what a block costs to start and to reduce.
constexpr int64_t kRowsPerChunk = 64;
// The partial sums are chunks * n numbers, which sum_chunks reads again: at most as much as 128 rows of x. With n / 32
// blocks to a chunk, 128 chunks give the 132 SMs of an H100 or H200 a block each where n is 64 or more.
constexpr int64_t kMaxChunks = 128;

// Calls fn(first, count) for each run of up to Vec<T>::size elements of a row of n that falls to this thread.
template <class T, class Fn>
__device__ void for_each_run(int64_t n, Fn fn) {
  constexpr int kRun = Vec<T>::size;
  for (int64_t i = int64_t{threadIdx.x} * kRun; i < n; i += int64_t{blockDim.x} * kRun)
    fn(i, n - i < kRun ? static_cast<int>(n - i) : kRun);
}

// `cached`: the row fits in dynamic shared memory, so it is read from global memory once instead of three times.
template <class T>
__global__ void norm_forward(const T* x, const T* weight, const T* bias, T* y, acc_t<T>* mean, acc_t<T>* rstd,
                             int64_t n, double eps, bool centered, bool vectors, bool cached) {
  using C = acc_t<T>;
  SMEM(C, scratch, 32);
  DYN_SMEM(C, cache);
  const T* row = x + blockIdx.x * n;
  const auto value = [&](int64_t i) { return cached ? cache[i] : static_cast<C>(row[i]); };

  C sum = 0;
  for_each_run<T>(n, [&](int64_t first, int count) {
    const Vec<T> run = simt::load_run(row + first, count, vectors);
    for (int k = 0; k < count; ++k) {
      const C element = static_cast<C>(run.at[k]);
      sum += element;
      if (cached) cache[first + k] = element;
    }
  });
  // Two passes over the row, as on the CPU: sums of squares around the mean lose no digits to a large mean. The second
  // and third read the row from shared memory where it fits. A thread reads back only what it wrote itself, so no
  // barrier is needed between them.
  const C m = centered ? simt::block_reduce(sum, C(0), Add(), scratch) / static_cast<C>(n) : C(0);

  C squares = 0;
  for_each_run<T>(n, [&](int64_t first, int count) {
    for (int k = 0; k < count; ++k) {
      const C d = value(first + k) - m;
      squares += d * d;
    }
  });
  const C variance = simt::block_reduce(squares, C(0), Add(), scratch) / static_cast<C>(n);
  const C r = C(1) / simt::sqrt(variance + static_cast<C>(eps));

  for_each_run<T>(n, [&](int64_t first, int count) {
    Vec<T> w{}, b{}, result{};
    if (weight) w = simt::load_run(weight + first, count, vectors);
    if (bias) b = simt::load_run(bias + first, count, vectors);
    for (int k = 0; k < count; ++k) {
      const C normalized = (value(first + k) - m) * r;
      const C scaled = weight ? normalized * static_cast<C>(w.at[k]) : normalized;
      result.at[k] = static_cast<T>(bias ? scaled + static_cast<C>(b.at[k]) : scaled);
    }
    simt::store_run(y + blockIdx.x * n + first, result, count, vectors);
  });
  if (threadIdx.x == 0) {
    if (mean) mean[blockIdx.x] = m;
    rstd[blockIdx.x] = r;
  }
}

// With g = grad * weight and h = (x - mean) * rstd: grad_x = rstd * (g - avg(g) - h * avg(g * h)); avg(g) only if
// centred.
template <class T>
__global__ void norm_backward_x(const T* grad, const T* x, const acc_t<T>* mean, const acc_t<T>* rstd, const T* weight,
                                T* grad_x, int64_t n, bool vectors) {
  using C = acc_t<T>;
  SMEM(C, scratch, 32);
  const int64_t start = blockIdx.x * n;
  const C m = mean ? mean[blockIdx.x] : C(0);
  const C r = rstd[blockIdx.x];
  // fn(first, count, g, h) on runs of both.
  const auto for_each_pair = [&](auto fn) {
    for_each_run<T>(n, [&](int64_t first, int count) {
      const Vec<T> grads = simt::load_run(grad + start + first, count, vectors);
      const Vec<T> values = simt::load_run(x + start + first, count, vectors);
      Vec<T> w{};
      if (weight) w = simt::load_run(weight + first, count, vectors);
      // Read twice, for the sums and for the result: a row that was just read should still be in the second-level
      // cache; shared memory would have to hold two rows of C.
      C g[Vec<T>::size] = {}, h[Vec<T>::size] = {};
      for (int k = 0; k < count; ++k) {
        g[k] = weight ? static_cast<C>(grads.at[k]) * static_cast<C>(w.at[k]) : static_cast<C>(grads.at[k]);
        h[k] = (static_cast<C>(values.at[k]) - m) * r;
      }
      fn(first, count, g, h);
    });
  };
  C sum_g = 0, sum_gh = 0;
  for_each_pair([&](int64_t, int count, const C* g, const C* h) {
    for (int k = 0; k < count; ++k) {
      sum_g += g[k];
      sum_gh += g[k] * h[k];
    }
  });
  const C avg_g = mean ? simt::block_reduce(sum_g, C(0), Add(), scratch) / static_cast<C>(n) : C(0);
  const C avg_gh = simt::block_reduce(sum_gh, C(0), Add(), scratch) / static_cast<C>(n);
  for_each_pair([&](int64_t first, int count, const C* g, const C* h) {
    Vec<T> result{};
    for (int k = 0; k < count; ++k) result.at[k] = static_cast<T>(r * (g[k] - avg_g - h[k] * avg_gh));
    simt::store_run(grad_x + start + first, result, count, vectors);
  });
}

// Sums of grad * h and of grad over one chunk of rows: partial_*[chunk][column]. Either may be null.
template <class T>
__global__ void norm_backward_partial(const T* grad, const T* x, const acc_t<T>* mean, const acc_t<T>* rstd,
                                      acc_t<T>* partial_weight, acc_t<T>* partial_bias, int64_t rows, int64_t n,
                                      int64_t rows_per_chunk) {
  using C = acc_t<T>;
  SMEM(C, weights, kTileRows * kTile);
  SMEM(C, biases, kTileRows * kTile);
  const int64_t column = int64_t{blockIdx.x} * kTile + threadIdx.x;
  const int64_t begin = blockIdx.y * rows_per_chunk;
  const int64_t end = begin + rows_per_chunk < rows ? begin + rows_per_chunk : rows;
  C weight = 0, bias = 0;
  if (column < n)
    for (int64_t row = begin + threadIdx.y; row < end; row += kTileRows) {
      const C g = static_cast<C>(grad[row * n + column]);
      const C m = mean ? mean[row] : C(0);
      weight += g * (static_cast<C>(x[row * n + column]) - m) * rstd[row];
      bias += g;
    }
  weights[threadIdx.y * kTile + threadIdx.x] = weight;
  biases[threadIdx.y * kTile + threadIdx.x] = bias;
  __syncthreads();
  // In a fixed order, by the first row of threads: no atomics, so the same bits in every run.
  if (threadIdx.y != 0 || column >= n) return;
  for (int i = 1; i < kTileRows; ++i) {
    weight += weights[i * kTile + threadIdx.x];
    bias += biases[i * kTile + threadIdx.x];
  }
  if (partial_weight) partial_weight[blockIdx.y * n + column] = weight;
  if (partial_bias) partial_bias[blockIdx.y * n + column] = bias;
}

template <class T>
__global__ void sum_chunks(const acc_t<T>* partial, T* out, int64_t chunks, int64_t n) {
  const int64_t column = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (column >= n) return;
  // At most kMaxChunks terms, read by neighbouring threads from neighbouring columns.
  acc_t<T> sum = 0;
  for (int64_t chunk = 0; chunk < chunks; ++chunk) sum += partial[chunk * n + column];
  out[column] = static_cast<T>(sum);
}

// ---- launchers

template <class T>
T* data_or_null(const Tensor& tensor) {
  return tensor.defined() ? static_cast<T*>(tensor.raw_data()) : nullptr;
}

struct Rows {
  int64_t count = 1;
  int64_t length = 1;
};
Rows rows_of(const Tensor& x, int64_t dims) {
  Rows rows;
  for (int i = 0; i < x.dim(); ++i) (i < x.dim() - dims ? rows.count : rows.length) *= x.size(i);
  return rows;
}

template <class T>
dim3 row_block(int64_t n) {
  const int64_t runs = (n + Vec<T>::size - 1) / Vec<T>::size;
  // A thread for each run of 16 bytes, in whole warps. At most 256 threads, as each barrier of the reductions waits for
  // all of them; longer rows are walked in several steps.
  return dim3(static_cast<unsigned>(std::clamp<int64_t>((runs + 31) / 32 * 32, 32, 256)));
}

// `mean` is undefined for rms_norm.
void run_forward(Ctx& ctx, const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& y,
                 const Tensor& mean, const Tensor& rstd, int64_t dims, double eps) {
  visit_floating(ctx.op(), x.dtype(), [&]<class T>(TypeTag<T>) {
    using C = acc_t<T>;
    const auto [rows, n] = rows_of(x, dims);
    const T* in = static_cast<const T*>(x.raw_data());
    T* out = static_cast<T*>(y.raw_data());
    const T* w = data_or_null<T>(weight);
    const T* b = data_or_null<T>(bias);
    const bool vectors =
        simt::vectorizable(in, n) && simt::vectorizable(out, n) && simt::vectorizable(w, n) && simt::vectorizable(b, n);
    const size_t row_bytes = static_cast<size_t>(n) * sizeof(C);
    // The scratch of the reductions, a number for each warp, shares the limit.
    const bool cached = row_bytes <= kCacheLimit - 32 * sizeof(C);
    simt::launch(norm_forward<T>,
                 {.name = ctx.op(),
                  .grid = simt::blocks_for(rows, 1),
                  .block = row_block<T>(n),
                  .shared_bytes = cached ? row_bytes : 0,
                  .barriers = true},
                 ctx.stream(), in, w, b, out, data_or_null<C>(mean), static_cast<C*>(rstd.raw_data()), n, eps,
                 mean.defined(), vectors, cached);
  });
}

struct BackwardInputs {
  Tensor grad, x, mean, rstd, weight;
  int64_t dims;
};

template <class T>
void run_backward_x(Ctx& ctx, const BackwardInputs& in, const Tensor& grad_x) {
  using C = acc_t<T>;
  const auto [rows, n] = rows_of(in.x, in.dims);
  const T* grad = static_cast<const T*>(in.grad.raw_data());
  const T* x = static_cast<const T*>(in.x.raw_data());
  const T* weight = data_or_null<T>(in.weight);
  T* out = static_cast<T*>(grad_x.raw_data());
  const bool vectors = simt::vectorizable(grad, n) && simt::vectorizable(x, n) && simt::vectorizable(weight, n) &&
                       simt::vectorizable(out, n);
  simt::launch(norm_backward_x<T>,
               {.name = ctx.op(), .grid = simt::blocks_for(rows, 1), .block = row_block<T>(n), .barriers = true},
               ctx.stream(), grad, x, data_or_null<const C>(in.mean), static_cast<const C*>(in.rstd.raw_data()), weight,
               out, n, vectors);
}

// Undefined outputs are not wanted.
template <class T>
void run_backward_parameters(Ctx& ctx, const BackwardInputs& in, const Tensor& grad_weight, const Tensor& grad_bias) {
  using C = acc_t<T>;
  const auto [rows, n] = rows_of(in.x, in.dims);
  const int64_t chunks = std::clamp<int64_t>((rows + kRowsPerChunk - 1) / kRowsPerChunk, 1, kMaxChunks);
  const int64_t rows_per_chunk = (rows + chunks - 1) / chunks;
  C* const partial_weight = grad_weight.defined() ? ctx.scratch<C>(chunks * n) : nullptr;
  C* const partial_bias = grad_bias.defined() ? ctx.scratch<C>(chunks * n) : nullptr;
  const Stream stream = ctx.stream();
  simt::launch(norm_backward_partial<T>,
               {.name = ctx.op(),
                .grid = dim3(simt::blocks_for(n, kTile), static_cast<unsigned>(chunks)),
                .block = dim3(kTile, kTileRows),
                .barriers = true},
               stream, static_cast<const T*>(in.grad.raw_data()), static_cast<const T*>(in.x.raw_data()),
               data_or_null<const C>(in.mean), static_cast<const C*>(in.rstd.raw_data()), partial_weight, partial_bias,
               rows, n, rows_per_chunk);
  const auto finish = [&](const C* partial, const Tensor& out) {
    if (!out.defined()) return;
    simt::launch(sum_chunks<T>, {.name = ctx.op(), .grid = simt::blocks_for(n, 128), .block = 128}, stream, partial,
                 static_cast<T*>(out.raw_data()), chunks, n);
  };
  finish(partial_weight, grad_weight);
  finish(partial_bias, grad_bias);
}

void run_backward(Ctx& ctx, const BackwardInputs& in, const Tensor& grad_x, const Tensor& grad_weight,
                  const Tensor& grad_bias) {
  visit_floating(ctx.op(), in.x.dtype(), [&]<class T>(TypeTag<T>) {
    if (grad_x.defined()) run_backward_x<T>(ctx, in, grad_x);
    if (grad_weight.defined() || grad_bias.defined()) run_backward_parameters<T>(ctx, in, grad_weight, grad_bias);
  });
}

// The kernels read every dtype.
Tensor dense(Ctx& ctx, const Tensor& tensor) {
  return tensor.defined() ? ctx.dense(tensor, MemoryFormat::contiguous, tensor.dtype()) : tensor;
}
Tensor wanted(bool need, const Tensor& out) { return need ? out : Tensor(); }

void layer_norm_kernel(Ctx& ctx, const LayerNorm::Args& args, Outputs<LayerNorm>& out) {
  run_forward(ctx, dense(ctx, args.x), dense(ctx, args.weight), dense(ctx, args.bias), out[0], out[1], out[2],
              args.dims, args.eps);
}

void layer_norm_backward_kernel(Ctx& ctx, const LayerNormBackward::Args& args, Outputs<LayerNormBackward>& out) {
  run_backward(ctx,
               {dense(ctx, args.grad), dense(ctx, args.x), dense(ctx, args.mean), dense(ctx, args.rstd),
                dense(ctx, args.weight), args.dims},
               wanted(args.need_x, out[0]), wanted(args.need_weight, out[1]), wanted(args.need_bias, out[2]));
}

void rms_norm_kernel(Ctx& ctx, const RmsNorm::Args& args, Outputs<RmsNorm>& out) {
  run_forward(ctx, dense(ctx, args.x), dense(ctx, args.weight), Tensor(), out[0], Tensor(), out[1], args.dims,
              args.eps);
}

void rms_norm_backward_kernel(Ctx& ctx, const RmsNormBackward::Args& args, Outputs<RmsNormBackward>& out) {
  run_backward(
      ctx,
      {dense(ctx, args.grad), dense(ctx, args.x), Tensor(), dense(ctx, args.rstd), dense(ctx, args.weight), args.dims},
      wanted(args.need_x, out[0]), wanted(args.need_weight, out[1]), Tensor());
}

}  // namespace

void register_layer_norm_cuda();
void register_layer_norm_cuda() {
  register_kernel<LayerNorm>(DeviceType::cuda, &layer_norm_kernel);
  register_kernel<LayerNormBackward>(DeviceType::cuda, &layer_norm_backward_kernel);
  register_kernel<RmsNorm>(DeviceType::cuda, &rms_norm_kernel);
  register_kernel<RmsNormBackward>(DeviceType::cuda, &rms_norm_backward_kernel);
}

}  // namespace farro
