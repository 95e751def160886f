// The op structs behind pool.h, for their kernels. Fixed and adaptive windows, one to three dimensions, are one op: the
// kernels see a table of windows per axis (pool_windows.h).
#pragma once

#include <farro/autograd/node/saved_tensor.h>
#include <farro/core/op/op.h>

namespace farro {

// One entry per spatial dimension. Adaptive pooling has no kernel and follows from `output` alone.
struct PoolParams {
  Dims kernel, stride, padding, dilation;
  Dims output;  // spatial sizes of the result
  bool count_include_pad = true;
  bool channels_last = false;  // the layout of x and of all that follows from it

  bool adaptive() const noexcept { return kernel.empty(); }
};

// Results: the values, and where in its window each was found (row-major number of the kernel element; u8 where the
// window has at most 256, else i32).
struct MaxPool {
  static constexpr OpInfo info{.name = "max_pool"};
  static constexpr int kOutputs = 2;
  struct Args {
    const Tensor& x;
    const PoolParams& params;
    static constexpr std::array names{"x", "kernel_size", "stride", "padding", "dilation", "output_size"};
    auto fields() const {
      return std::tie(x, params.kernel, params.stride, params.padding, params.dilation, params.output);
    }
  };
  struct Saved {
    SavedTensor indices;
    Shape x_sizes;
    PoolParams params;
  };
  static std::array<TensorSpec, 2> infer(const Args& args);
  static Saved save(const Args& args, const Outputs<MaxPool>& out, Need need);
  static Grads backward(const Saved& saved, const Grads& grads, Need need);
  static Cost cost(const Args& args);
};

// Sends each element of grad to the place in x that the pooling took.
struct MaxPoolBackward {
  static constexpr OpInfo info{.name = "max_pool_backward"};
  struct Args {
    const Tensor& grad;
    const Tensor& indices;
    Shape x_sizes;
    const PoolParams& params;
    static constexpr std::array names{"grad",   "indices", "x_sizes",  "kernel_size",
                                      "stride", "padding", "dilation", "output_size"};
    auto fields() const {
      return std::tie(grad, indices, x_sizes, params.kernel, params.stride, params.padding, params.dilation,
                      params.output);
    }
  };
  struct Saved {
    SavedTensor indices;
    Shape x_sizes;
    PoolParams params;
  };
  static TensorSpec infer(const Args& args);
  static Saved save(const Args& args, const Outputs<MaxPoolBackward>&, Need);
  static Grads backward(const Saved& saved, const Grads& grads, Need need);
  static Cost cost(const Args& args);
};

// The elements of x at the places that an earlier pooling took: the gradient of MaxPoolBackward.
struct MaxPoolGather {
  static constexpr OpInfo info{.name = "max_pool_gather"};
  struct Args {
    const Tensor& x;
    const Tensor& indices;
    const PoolParams& params;
    static constexpr std::array names{"x", "indices", "kernel_size", "stride", "padding", "dilation", "output_size"};
    auto fields() const {
      return std::tie(x, indices, params.kernel, params.stride, params.padding, params.dilation, params.output);
    }
  };
  struct Saved {
    SavedTensor indices;
    Shape x_sizes;
    PoolParams params;
  };
  static TensorSpec infer(const Args& args);
  static Saved save(const Args& args, const Outputs<MaxPoolGather>&, Need);
  static Grads backward(const Saved& saved, const Grads& grads, Need need);
  static Cost cost(const Args& args);
};

struct AvgPool {
  static constexpr OpInfo info{.name = "avg_pool"};
  struct Args {
    const Tensor& x;
    const PoolParams& params;
    static constexpr std::array names{"x", "kernel_size", "stride", "padding", "output_size", "count_include_pad"};
    auto fields() const {
      return std::tie(x, params.kernel, params.stride, params.padding, params.output, params.count_include_pad);
    }
  };
  struct Saved {
    Shape x_sizes;
    PoolParams params;
  };
  static TensorSpec infer(const Args& args);
  static Saved save(const Args& args, const Outputs<AvgPool>&, Need) { return {args.x.sizes(), args.params}; }
  static Grads backward(const Saved& saved, const Grads& grads, Need need);
  static Cost cost(const Args& args);
};

// Spreads each element of grad evenly over its window.
struct AvgPoolBackward {
  static constexpr OpInfo info{.name = "avg_pool_backward"};
  struct Args {
    const Tensor& grad;
    Shape x_sizes;
    const PoolParams& params;
    static constexpr std::array names{"grad",    "x_sizes",     "kernel_size",      "stride",
                                      "padding", "output_size", "count_include_pad"};
    auto fields() const {
      return std::tie(grad, x_sizes, params.kernel, params.stride, params.padding, params.output,
                      params.count_include_pad);
    }
  };
  struct Saved {
    PoolParams params;
  };
  static TensorSpec infer(const Args& args);
  static Saved save(const Args& args, const Outputs<AvgPoolBackward>&, Need) { return {args.params}; }
  static Grads backward(const Saved& saved, const Grads& grads, Need need);
  static Cost cost(const Args& args);
};

}  // namespace farro
