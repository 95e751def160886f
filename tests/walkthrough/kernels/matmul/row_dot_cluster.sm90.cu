// SPDX-License-Identifier: Apache-2.0
// row_dot for compute capability 9.0, where few rows are very long: a cluster of blocks for each row, whose sums meet
// in distributed shared memory. Without it most of the GPU would have no row.
#include <farro/core/dtype/visit.h>
#include <farro/core/op/op_table.h>
#include <farro/kernels/matmul/row_dot.op.h>
#include <farro/kernels/simt/launch.h>
#include <farro/kernels/simt/types.h>
#include <farro/kernels/simt/warp.h>

#include <cooperative_groups.h>

namespace farro {

namespace {

constexpr int kThreads = 256;
constexpr int kCluster = 8;  // blocks: the most that every GPU with clusters takes
// Fewer rows than the 132 SMs of an H100 or H200, each long enough for 32 values to a thread.
constexpr int64_t kMostRows = 128;
constexpr int64_t kLeastColumns = 32 * kCluster * kThreads;

template <class T>
__global__ void __cluster_dims__(kCluster, 1, 1) dot_rows(const T* a, const T* b, T* out, int64_t n) {
  using C = simt::acc_t<T>;
  SMEM(C, scratch, simt::kWarpSize);
  SMEM(C, total, 1);
  auto cluster = cooperative_groups::this_cluster();
  const unsigned part = cluster.block_rank();
  const int64_t row = blockIdx.x / kCluster;
  C sum = 0;
  for (int64_t j = int64_t{part} * kThreads + threadIdx.x; j < n; j += kCluster * kThreads)
    sum += static_cast<C>(a[row * n + j]) * static_cast<C>(b[row * n + j]);
  sum = simt::block_reduce(sum, C(0), simt::Add(), scratch);
  if (threadIdx.x == 0) total[0] = sum;
  cluster.sync();
  if (part == 0 && threadIdx.x == 0) {
    // In the order of the blocks, so that the result has the same bits in every run.
    for (unsigned other = 1; other < kCluster; ++other) sum += *cluster.map_shared_rank(&total[0], other);
    out[row] = static_cast<T>(sum);
  }
  cluster.sync();  // the shared memory of a block that has ended is gone
}

bool supports(const RowDot::Args& args) { return args.a.size(0) <= kMostRows && args.a.size(1) >= kLeastColumns; }

void run(Ctx& ctx, const RowDot::Args& args, Outputs<RowDot>& out) {
  const DType type = args.a.dtype();
  const Tensor a = ctx.dense(args.a, MemoryFormat::contiguous, type);
  const Tensor b = ctx.dense(args.b, MemoryFormat::contiguous, type);
  const Tensor result = ctx.result(out[0], MemoryFormat::contiguous, type);
  const simt::LaunchConfig config{
      .name = ctx.op(), .grid = simt::blocks_for(a.size(0) * kCluster, 1), .block = kThreads, .barriers = true};
  visit_floating(ctx.op(), type, [&]<class T>(TypeTag<T>) {
    simt::launch(dot_rows<T>, config, ctx.stream(), data_of<T>(a), data_of<T>(b), data_of<T>(result), a.size(1));
  });
}

}  // namespace

void register_row_dot_cluster_sm90();
void register_row_dot_cluster_sm90() {
  register_kernel<RowDot>(DeviceType::cuda, &run, {.name = "cluster", .rank = -20, .min_sm = 90}, &supports);
}

}  // namespace farro
