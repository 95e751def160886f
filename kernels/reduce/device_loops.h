// SPDX-License-Identifier: Apache-2.0
// For .cu files of reductions: turns a function object into kernels. It says how values are combined:
//
//     struct SumFn {
//       template <class A> __device__ static A identity() { return A(0); }
//       template <class A> __device__ static A step(A a, A x) { return a + x; }          // associative up to rounding
//       template <class A> __device__ static A finish(A a, int64_t count) { return a; }  // count values went into a
//       template <class A> __device__ static A map(A x);                                 // optional, before step
//     };
//     register_reduce_cuda<Sum, SumFn>();
//
// A is double for floating inputs, as on the CPU, and uint64_t for others, so that sums wrap. Data-centre GPUs add
// doubles far faster than memory delivers values; in f32 the result would depend on the layout of the input. The order
// of combination depends on shapes and strides alone, so results are deterministic.
#pragma once

#include <farro/core/device/backend.h>
#include <farro/core/op/op_table.h>
#include <farro/kernels/reduce/reduce_op.h>
#include <farro/kernels/reduce/side.h>
#include <farro/kernels/simt/convert.h>
#include <farro/kernels/simt/warp.h>

#include <algorithm>
#include <utility>

namespace farro {

namespace device {

inline constexpr int kReduceThreads = 256;
inline constexpr int kReduceTile = 32;  // outputs of a block of the columns kernel
// A tile of 32 x 8 threads: a row of it reads 32 neighbouring values, and its doubles take 2 KiB of shared memory.
inline constexpr int kReduceTileRows = 8;
// An output's values are cut into chunks until there are about this many blocks, enough to fill any GPU.
inline constexpr int64_t kReduceBlocks = 1024;
inline constexpr int64_t kReduceChunk = 2048;  // values of a chunk, at least
// The second kernel walks an output's chunks with one thread: few enough that it stays short.
inline constexpr int64_t kReduceMaxChunks = 256;

template <class A>
struct ReduceWork {
  const void* in;
  void* out;
  A* partial;  // [chunks, outputs]; null where there is one chunk
  DType in_dtype, out_dtype;
  ReduceSide kept, reduced;
  int64_t outputs;
  int64_t length;  // values per output
  int64_t chunk;

  template <class Visit>
  void for_each_pointer(Visit visit) const {
    visit(in);
    visit(out);
    visit(partial);
  }
};

// Offset of position `at` of a side, by the given strides.
__device__ inline int64_t side_offset(const ReduceSide& side, const int64_t* strides, int64_t at) {
  if (side.rank == 1) return at * strides[0];
  int64_t offset = 0;
  for (int i = side.rank - 1; i >= 0; --i) {
    offset += at % side.sizes[i] * strides[i];
    at /= side.sizes[i];
  }
  return offset;
}

template <class F, class A>
__device__ A load_value(const ReduceWork<A>& work, int64_t base, int64_t at) {
  const A x = load_as<A>(work.in, base + side_offset(work.reduced, work.reduced.in, at), work.in_dtype);
  if constexpr (requires { F::template map<A>(x); })
    return F::template map<A>(x);
  else
    return x;
}

// `total` is the fold of one chunk of one output.
template <class F, class A>
__device__ void store_chunk(const ReduceWork<A>& work, int64_t output, int64_t chunk, A total) {
  if (work.partial)
    work.partial[chunk * work.outputs + output] = total;
  else
    store_as(work.out, side_offset(work.kept, work.kept.out, output), work.out_dtype,
             F::template finish<A>(total, work.length));
}

// One block per output and chunk.
template <class A, class F>
__global__ void reduce_rows(ReduceWork<A> work) {
  SMEM(A, scratch, simt::kWarpSize);
  const int64_t base = side_offset(work.kept, work.kept.in, blockIdx.x);
  const int64_t begin = blockIdx.y * work.chunk;
  const int64_t end = begin + work.chunk < work.length ? begin + work.chunk : work.length;
  A total = F::template identity<A>();
  for (int64_t at = begin + threadIdx.x; at < end; at += blockDim.x)
    total = F::template step<A>(total, load_value<F>(work, base, at));
  const auto step = [](A a, A b) { return F::template step<A>(a, b); };
  total = simt::block_reduce(total, F::template identity<A>(), step, scratch);
  if (threadIdx.x == 0) store_chunk<F>(work, blockIdx.x, blockIdx.y, total);
}

// Neighbouring threads take neighbouring outputs: for inputs where those are closer in memory than an output's values,
// and for outputs of few values.
template <class A, class F>
__global__ void reduce_columns(ReduceWork<A> work) {
  SMEM(A, totals, kReduceTileRows * kReduceTile);
  const int64_t output = int64_t{blockIdx.x} * kReduceTile + threadIdx.x;
  const int64_t begin = blockIdx.y * work.chunk;
  const int64_t end = begin + work.chunk < work.length ? begin + work.chunk : work.length;
  A total = F::template identity<A>();
  if (output < work.outputs) {
    const int64_t base = side_offset(work.kept, work.kept.in, output);
    for (int64_t at = begin + threadIdx.y; at < end; at += blockDim.y)
      total = F::template step<A>(total, load_value<F>(work, base, at));
  }
  totals[threadIdx.y * kReduceTile + threadIdx.x] = total;
  __syncthreads();
  if (threadIdx.y != 0 || output >= work.outputs) return;
  for (unsigned i = 1; i < blockDim.y; ++i) total = F::template step<A>(total, totals[i * kReduceTile + threadIdx.x]);
  store_chunk<F>(work, output, blockIdx.y, total);
}

template <class A, class F>
__global__ void reduce_chunks(ReduceWork<A> work, const A* partial, int64_t chunks) {
  const int64_t output = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (output >= work.outputs) return;
  A total = F::template identity<A>();
  for (int64_t chunk = 0; chunk < chunks; ++chunk)
    total = F::template step<A>(total, partial[chunk * work.outputs + output]);
  store_chunk<F>(work, output, 0, total);
}

template <class A, class F>
void run_reduce(Ctx& ctx, const Tensor& out, const Tensor& input, uint32_t mask) {
  const ReduceSides sides = reduce_sides(out, input, mask);
  ReduceWork<A> work{.in = input.raw_data(),
                     .out = out.raw_data(),
                     .partial = nullptr,
                     .in_dtype = input.dtype(),
                     .out_dtype = out.dtype(),
                     .kept = sides.kept,
                     .reduced = sides.reduced,
                     .outputs = sides.kept.count(),
                     .length = sides.reduced.count(),
                     .chunk = 0};
  if (work.outputs == 0) return;
  // A block for an output of a few values would leave most of its threads idle.
  const bool columns =
      work.kept.in[work.kept.rank - 1] < work.reduced.in[work.reduced.rank - 1] || work.length <= simt::kWarpSize;
  const int64_t blocks = columns ? (work.outputs + kReduceTile - 1) / kReduceTile : work.outputs;
  const int64_t least = columns ? kReduceChunk / kReduceTile : kReduceChunk;
  // Chunks only where there are too few outputs to fill the GPU, and never shorter than `least`: beside shorter ones
  // the partial results and the second launch would not pay.
  const int64_t wanted = std::min(kReduceBlocks / blocks, work.length / least);
  const int64_t chunks = std::clamp<int64_t>(wanted, 1, kReduceMaxChunks);
  work.chunk = (work.length + chunks - 1) / chunks;

  const Stream stream = ctx.stream();
  if (chunks > 1) work.partial = ctx.scratch<A>(chunks * work.outputs);
  const dim3 grid(static_cast<unsigned>(blocks), static_cast<unsigned>(chunks));
  if (columns) {
    const auto rows = static_cast<unsigned>(std::clamp<int64_t>(work.chunk, 1, kReduceTileRows));
    simt::launch(reduce_columns<A, F>,
                 {.name = ctx.op(), .grid = grid, .block = dim3(kReduceTile, rows), .barriers = true}, stream, work);
  } else {
    const auto threads =
        static_cast<unsigned>(std::clamp<int64_t>((work.chunk + 31) / 32 * 32, simt::kWarpSize, kReduceThreads));
    simt::launch(reduce_rows<A, F>, {.name = ctx.op(), .grid = grid, .block = threads, .barriers = true}, stream, work);
  }
  if (chunks == 1) return;
  const A* from = std::exchange(work.partial, nullptr);
  simt::launch(reduce_chunks<A, F>, {.name = ctx.op(), .grid = simt::blocks_for(work.outputs, 128), .block = 128},
               stream, work, from, chunks);
}

template <class Op, class F>
void reduce_kernel(Ctx& ctx, const typename Op::Args& args, Outputs<Op>& out) {
  const uint32_t mask = reduced_dims(Op::info.name, args.input, args.dims);
  if (is_floating(args.input.dtype())) return run_reduce<double, F>(ctx, out[0], args.input, mask);
  run_reduce<uint64_t, F>(ctx, out[0], args.input, mask);
}

}  // namespace device

// Op::Args is ReduceArgs.
template <class Op, class F>
void register_reduce_cuda() {
  register_kernel<Op>(DeviceType::cuda, &device::reduce_kernel<Op, F>);
}

}  // namespace farro
