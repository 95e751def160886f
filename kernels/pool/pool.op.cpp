// SPDX-License-Identifier: Apache-2.0
// Pooling as ops. The maximum keeps which tap of the window won, in one byte where the window has at most 256; its
// gradient scatters by it, and the gradient's gradient gathers by it. The average and its gradient are transposes.
#include <farro/kernels/pool/pool.op.h>

#include <farro/autograd/call/call.h>
#include <farro/kernels/pool/pool.h>
#include <farro/kernels/pool/pool_windows.h>

namespace farro {

namespace {

constexpr int64_t kMaxByteTaps = 256;

Shape pooled_sizes(const Shape& x, const PoolParams& params) {
  Shape sizes{x[0], x[1]};
  for (int64_t size : params.output) sizes.push_back(size);
  return sizes;
}

TensorSpec pool_spec(const Shape& sizes, const Tensor& like, const PoolParams& params) {
  TensorSpec spec(sizes, like);
  spec.channels_last = params.channels_last;
  return spec;
}

Cost pool_cost(const Tensor& x, const PoolParams& params, double extra_bytes = 0) {
  const double out = static_cast<double>(checked_numel("pool", pooled_sizes(x.sizes(), params)));
  const double bytes = (static_cast<double>(x.numel()) + out) * static_cast<double>(item_size(x.dtype()));
  return {out * static_cast<double>(pool_window_size(x.sizes(), params)), bytes + extra_bytes * out};
}
Cost pool_backward_cost(const Tensor& grad, const Shape& x_sizes, const PoolParams& params, double extra_bytes = 0) {
  const double in = static_cast<double>(checked_numel("pool", x_sizes)), out = static_cast<double>(grad.numel());
  return {out * static_cast<double>(pool_window_size(x_sizes, params)),
          (in + out) * static_cast<double>(item_size(grad.dtype())) + extra_bytes * out};
}

}  // namespace

std::array<TensorSpec, 2> MaxPool::infer(const Args& args) {
  const TensorSpec values = pool_spec(pooled_sizes(args.x.sizes(), args.params), args.x, args.params);
  TensorSpec indices = values;
  const int64_t window = pool_window_size(args.x.sizes(), args.params);
  FARRO_CHECK(window <= INT32_MAX, ShapeError, "max_pool: a window must have fewer than 2^31 elements, got ",
              args.params.kernel, " (x: ", args.x, ")");
  // A byte an element is a quarter of f32 values; positions in the input would need 4 or 8.
  indices.dtype = window <= kMaxByteTaps ? DType::u8 : DType::i32;
  return {values, indices};
}
Grads MaxPool::backward(const Back<MaxPool>& b) {
  return {call<MaxPoolBackward>(
      {.grad = b.grad[0], .indices = b.out[1], .x_sizes = b.args.x.sizes(), .params = b.args.params})};
}
Cost MaxPool::cost(const Args& args) { return pool_cost(args.x, args.params, 1); }

TensorSpec MaxPoolBackward::infer(const Args& args) { return pool_spec(args.x_sizes, args.grad, args.params); }
Grads MaxPoolBackward::backward(const Back<MaxPoolBackward>& b) {
  return {call<MaxPoolGather>({.x = b.grad[0], .indices = b.args.indices, .params = b.args.params}), Tensor()};
}
Cost MaxPoolBackward::cost(const Args& args) { return pool_backward_cost(args.grad, args.x_sizes, args.params, 1); }

TensorSpec MaxPoolGather::infer(const Args& args) { return pool_spec(args.indices.sizes(), args.x, args.params); }
Grads MaxPoolGather::backward(const Back<MaxPoolGather>& b) {
  return {call<MaxPoolBackward>(
              {.grad = b.grad[0], .indices = b.args.indices, .x_sizes = b.args.x.sizes(), .params = b.args.params}),
          Tensor()};
}
Cost MaxPoolGather::cost(const Args& args) {
  // One element of x is read for each result.
  return {0, static_cast<double>(args.indices.numel()) * (2.0 * static_cast<double>(item_size(args.x.dtype())) + 1)};
}

TensorSpec AvgPool::infer(const Args& args) {
  return pool_spec(pooled_sizes(args.x.sizes(), args.params), args.x, args.params);
}
Grads AvgPool::backward(const Back<AvgPool>& b) {
  return {call<AvgPoolBackward>({.grad = b.grad[0], .x_sizes = b.args.x.sizes(), .params = b.args.params})};
}
Cost AvgPool::cost(const Args& args) { return pool_cost(args.x, args.params); }

TensorSpec AvgPoolBackward::infer(const Args& args) { return pool_spec(args.x_sizes, args.grad, args.params); }
Grads AvgPoolBackward::backward(const Back<AvgPoolBackward>& b) { return {call<AvgPool>({b.grad[0], b.args.params})}; }
Cost AvgPoolBackward::cost(const Args& args) { return pool_backward_cost(args.grad, args.x_sizes, args.params); }

void register_pool();
void register_pool() { register_ops<MaxPool, MaxPoolBackward, MaxPoolGather, AvgPool, AvgPoolBackward>(); }

}  // namespace farro
