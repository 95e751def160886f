// SPDX-License-Identifier: Apache-2.0
// The public pooling functions: options, their errors, and the sizes of the result.
#include <farro/kernels/pool/pool.h>

#include <farro/autograd/call/call.h>
#include <farro/core/tensor/number.h>
#include <farro/kernels/conv/conv_shape.h>
#include <farro/kernels/pool/pool.op.h>

namespace farro {

namespace {

void check_input(const char* op, int rank, const Tensor& x) {
  check_defined(op, "x", x);
  FARRO_CHECK(x.dim() == rank + 2 || x.dim() == rank + 1, ShapeError, op, ": x must have ", rank + 2,
              " dimensions (or ", rank + 1, " without N), got ", x.dim(), " (x: ", x, ")");
  FARRO_CHECK(is_floating(x.dtype()), DTypeError, op, ": x must be floating, got ", x.dtype(), " (x: ", x, ")");
}

// The tables of windows (pool_windows.h) hold positions in 32 bits.
void check_positions(const char* op, const Tensor& x, int dim, Checked size) {
  FARRO_CHECK(size.at_most(INT32_MAX), ShapeError, op,
              ": x with its padding must have fewer than 2^31 elements in dimension ", dim, ", got ", size, " (x: ", x,
              ")");
}

PoolParams resolve(const char* op, int rank, const Tensor& x, const PoolOptions& options) {
  FARRO_CHECK(!options.kernel_size.empty(), ValueError, op, ": kernel_size must be given, got []");
  PoolParams params;
  params.kernel = expand_option(op, "kernel_size", options.kernel_size, rank, 1, 1);
  // The default stride is the kernel: windows side by side.
  params.stride = options.stride.empty() ? params.kernel : expand_option(op, "stride", options.stride, rank, 1, 1);
  params.padding = expand_option(op, "padding", options.padding, rank, 0, 0);
  params.dilation = expand_option(op, "dilation", options.dilation, rank, 1, 1);
  params.count_include_pad = options.count_include_pad;
  for (int d = 0; d < rank; ++d) {
    const int dim = x.dim() - rank + d;
    const int64_t kernel = params.kernel[d], pad = params.padding[d];
    // With more padding a window could lie in the padding alone, where a maximum has no value. PyTorch has this rule.
    FARRO_CHECK(pad <= kernel / 2, ValueError, op, ": padding must be at most half of kernel_size ", params.kernel,
                ", got ", params.padding);
    if (kernel == 1) params.dilation[d] = 1;  // no second element is so far away
    const WindowAxis axis{x.size(dim), kernel, params.stride[d], pad, pad, params.dilation[d]};
    if (!axis.fits()) axis.refuse(op, "window", dim, str("x: ", x));
    check_positions(op, x, dim, axis.padded());
    params.output.push_back(axis.count(options.ceil_mode));
    // A single window never steps. Equal parameters for equal results, and no overflow from a huge stride.
    if (params.output[d] == 1) params.stride[d] = 1;
  }
  return params;
}

PoolParams resolve_adaptive(const char* op, int rank, const Tensor& x, const Dims& output_size) {
  FARRO_CHECK(!output_size.empty(), ValueError, op, ": output_size must be given, got []");
  PoolParams params;
  params.output = expand_option(op, "output_size", output_size, rank, 1, -1);
  for (int d = 0; d < rank; ++d) {
    const int64_t in = x.size(x.dim() - rank + d);
    check_positions(op, x, x.dim() - rank + d, in);
    if (params.output[d] == -1) params.output[d] = in;
    // An empty dimension has no value to give to a window.
    FARRO_CHECK(in >= 1 || params.output[d] == 0, ShapeError, op, ": x must not be empty in dimension ",
                x.dim() - rank + d, ", got 0 (x: ", x, ")");
  }
  return params;
}

template <class Op>
Tensor pool(int rank, const Tensor& x, PoolParams params) {
  if (x.dim() == rank + 1) return pool<Op>(rank, x.unsqueeze(0), params).squeeze(0);
  // The result keeps the input's layout, and so does the gradient.
  params.channels_last = !x.is_contiguous() && x.is_contiguous(MemoryFormat::channels_last);
  if constexpr (kOutputs<Op> == 2)
    return std::move(call<Op>({x, params})[0]);
  else
    return call<Op>({x, params});
}

Tensor max_pool(const char* op, int rank, const Tensor& x, const PoolOptions& options) {
  check_input(op, rank, x);
  return pool<MaxPool>(rank, x, resolve(op, rank, x, options));
}
Tensor avg_pool(const char* op, int rank, const Tensor& x, const PoolOptions& options) {
  check_input(op, rank, x);
  FARRO_CHECK(options.dilation.empty(), ValueError, op, ": dilation must be empty, got ", options.dilation);
  return pool<AvgPool>(rank, x, resolve(op, rank, x, options));
}
template <class Op>
Tensor adaptive_pool(const char* op, int rank, const Tensor& x, const Dims& output_size) {
  check_input(op, rank, x);
  return pool<Op>(rank, x, resolve_adaptive(op, rank, x, output_size));
}

}  // namespace

Tensor max_pool1d(const Tensor& x, const PoolOptions& options) { return max_pool("max_pool1d", 1, x, options); }
Tensor max_pool2d(const Tensor& x, const PoolOptions& options) { return max_pool("max_pool2d", 2, x, options); }
Tensor max_pool3d(const Tensor& x, const PoolOptions& options) { return max_pool("max_pool3d", 3, x, options); }
Tensor avg_pool1d(const Tensor& x, const PoolOptions& options) { return avg_pool("avg_pool1d", 1, x, options); }
Tensor avg_pool2d(const Tensor& x, const PoolOptions& options) { return avg_pool("avg_pool2d", 2, x, options); }
Tensor avg_pool3d(const Tensor& x, const PoolOptions& options) { return avg_pool("avg_pool3d", 3, x, options); }
Tensor adaptive_avg_pool1d(const Tensor& x, const Dims& output_size) {
  return adaptive_pool<AvgPool>("adaptive_avg_pool1d", 1, x, output_size);
}
Tensor adaptive_avg_pool2d(const Tensor& x, const Dims& output_size) {
  return adaptive_pool<AvgPool>("adaptive_avg_pool2d", 2, x, output_size);
}
Tensor adaptive_avg_pool3d(const Tensor& x, const Dims& output_size) {
  return adaptive_pool<AvgPool>("adaptive_avg_pool3d", 3, x, output_size);
}
Tensor adaptive_max_pool1d(const Tensor& x, const Dims& output_size) {
  return adaptive_pool<MaxPool>("adaptive_max_pool1d", 1, x, output_size);
}
Tensor adaptive_max_pool2d(const Tensor& x, const Dims& output_size) {
  return adaptive_pool<MaxPool>("adaptive_max_pool2d", 2, x, output_size);
}
Tensor adaptive_max_pool3d(const Tensor& x, const Dims& output_size) {
  return adaptive_pool<MaxPool>("adaptive_max_pool3d", 3, x, output_size);
}

}  // namespace farro
