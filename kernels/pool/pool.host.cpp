// SPDX-License-Identifier: Apache-2.0
// The CPU kernels of the pooling ops: brings the tensors into one layout and hands pointers to the loops
// (pool.cpu.cpp).
#include <farro/core/op/op_table.h>
#include <farro/kernels/pool/pool_windows.h>

namespace farro {

namespace {

// In the layout that the loops were chosen for. Half types in f32, which the loops' vectors are for: each value is
// converted once and not for every window that holds it.
MemoryFormat layout_of(const PoolParams& params) {
  return params.channels_last ? MemoryFormat::channels_last : MemoryFormat::contiguous;
}
Tensor dense(Ctx& ctx, const Tensor& tensor, const PoolParams& params) { return ctx.dense(tensor, layout_of(params)); }

PoolCall pool_call(const PoolWindows& windows, const PoolParams& params, const Tensor& out,
                   DType index_dtype = DType::u8) {
  const int64_t n = out.size(0), c = out.size(1);
  // Row-major is [n * c, positions, 1], channels-last [n, positions, c].
  PoolCall call{.dtype = out.dtype(), .index_dtype = index_dtype, .outer = n * c, .inner = 1, .axis = {}};
  if (params.channels_last) {
    call.outer = n;
    call.inner = c;
  }
  for (int d = 0; d < 3; ++d) call.axis[d] = windows.axis(d);
  return call;
}

void max_pool_cpu(Ctx& ctx, const MaxPool::Args& args, Outputs<MaxPool>& out) {
  if (out[0].numel() == 0) return;
  const PoolWindows windows(args.x.sizes(), args.params);
  const Tensor x = dense(ctx, args.x, args.params), y = ctx.result(out[0], layout_of(args.params));
  loops<PoolLoops>->max_forward(pool_call(windows, args.params, y, out[1].dtype()), x.raw_data(), y.raw_data(),
                                out[1].raw_data());
}

void max_pool_backward_cpu(Ctx& ctx, const MaxPoolBackward::Args& args, Outputs<MaxPoolBackward>& out) {
  if (out[0].numel() == 0) return;
  const PoolWindows windows(args.x_sizes, args.params);
  const Tensor grad = dense(ctx, args.grad, args.params), indices = dense(ctx, args.indices, args.params);
  const Tensor grad_x = ctx.result(out[0], layout_of(args.params));
  loops<PoolLoops>->max_backward(pool_call(windows, args.params, grad_x, indices.dtype()), grad.raw_data(),
                                 indices.raw_data(), grad_x.raw_data());
}

void max_pool_gather_cpu(Ctx& ctx, const MaxPoolGather::Args& args, Outputs<MaxPoolGather>& out) {
  if (out[0].numel() == 0) return;
  const PoolWindows windows(args.x.sizes(), args.params);
  const Tensor x = dense(ctx, args.x, args.params), indices = dense(ctx, args.indices, args.params);
  const Tensor y = ctx.result(out[0], layout_of(args.params));
  loops<PoolLoops>->max_gather(pool_call(windows, args.params, y, indices.dtype()), x.raw_data(), indices.raw_data(),
                               y.raw_data());
}

void avg_pool_cpu(Ctx& ctx, const AvgPool::Args& args, Outputs<AvgPool>& out) {
  if (out[0].numel() == 0) return;
  const PoolWindows windows(args.x.sizes(), args.params);
  const Tensor x = dense(ctx, args.x, args.params), y = ctx.result(out[0], layout_of(args.params));
  loops<PoolLoops>->avg_forward(pool_call(windows, args.params, y), x.raw_data(), y.raw_data());
}

void avg_pool_backward_cpu(Ctx& ctx, const AvgPoolBackward::Args& args, Outputs<AvgPoolBackward>& out) {
  if (out[0].numel() == 0) return;
  const PoolWindows windows(args.x_sizes, args.params);
  const Tensor grad = dense(ctx, args.grad, args.params), grad_x = ctx.result(out[0], layout_of(args.params));
  loops<PoolLoops>->avg_backward(pool_call(windows, args.params, grad_x), grad.raw_data(), grad_x.raw_data());
}

}  // namespace

void register_pool_host();
void register_pool_host() {
  register_kernel<MaxPool>(DeviceType::cpu, &max_pool_cpu);
  register_kernel<MaxPoolBackward>(DeviceType::cpu, &max_pool_backward_cpu);
  register_kernel<MaxPoolGather>(DeviceType::cpu, &max_pool_gather_cpu);
  register_kernel<AvgPool>(DeviceType::cpu, &avg_pool_cpu);
  register_kernel<AvgPoolBackward>(DeviceType::cpu, &avg_pool_backward_cpu);
}

}  // namespace farro
