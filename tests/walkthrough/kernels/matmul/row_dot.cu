// SPDX-License-Identifier: Apache-2.0
// row_dot on the device, in two variants: a warp for each row, and a block for each row where rows are long.
#include <farro/core/dtype/visit.h>
#include <farro/core/op/op_table.h>
#include <farro/kernels/matmul/row_dot.op.h>
#include <farro/kernels/simt/launch.h>
#include <farro/kernels/simt/types.h>
#include <farro/kernels/simt/warp.h>

namespace farro {

namespace {

constexpr int kThreads = 256;
// 8 values for each thread of a block; shorter rows leave its threads with less to add up than to wait for.
constexpr int64_t kLongRow = 8 * kThreads;

// kPerRow threads of a block for each row: 32 or all.
template <class T, int kPerRow>
__global__ void dot_rows(const T* a, const T* b, T* out, int64_t rows, int64_t n) {
  using C = simt::acc_t<T>;
  const int64_t row = int64_t{blockIdx.x} * (kThreads / kPerRow) + threadIdx.x / kPerRow;
  if (row >= rows) return;  // whole warps
  C sum = 0;
  for (int64_t j = threadIdx.x % kPerRow; j < n; j += kPerRow)
    sum += static_cast<C>(a[row * n + j]) * static_cast<C>(b[row * n + j]);
  if constexpr (kPerRow == simt::kWarpSize) {
    sum = simt::warp_reduce(sum, simt::Add());
  } else {
    SMEM(C, scratch, simt::kWarpSize);
    sum = simt::block_reduce(sum, C(0), simt::Add(), scratch);
  }
  if (threadIdx.x % kPerRow == 0) out[row] = static_cast<T>(sum);
}

template <int kPerRow>
void run(Ctx& ctx, const RowDot::Args& args, Outputs<RowDot>& out) {
  const DType type = args.a.dtype();
  const Tensor a = ctx.dense(args.a, MemoryFormat::contiguous, type);
  const Tensor b = ctx.dense(args.b, MemoryFormat::contiguous, type);
  const Tensor result = ctx.result(out[0], MemoryFormat::contiguous, type);
  const int64_t rows = a.size(0);
  const simt::LaunchConfig config{
      .name = ctx.op(), .grid = simt::blocks_for(rows, kThreads / kPerRow), .block = kThreads, .barriers = true};
  visit_floating(ctx.op(), type, [&]<class T>(TypeTag<T>) {
    simt::launch(dot_rows<T, kPerRow>, config, ctx.stream(), data_of<T>(a), data_of<T>(b), data_of<T>(result), rows,
                 a.size(1));
  });
}

}  // namespace

void register_row_dot_cuda();
void register_row_dot_cuda() {
  register_kernel<RowDot>(DeviceType::cuda, &run<simt::kWarpSize>, {.name = "warp", .rank = 0});
  register_kernel<RowDot>(DeviceType::cuda, &run<kThreads>, {.name = "block", .rank = -10},
                          [](const RowDot::Args& args) { return args.a.size(1) >= kLongRow; });
}

}  // namespace farro
