// SPDX-License-Identifier: Apache-2.0
// The op structs behind pool.h, for their kernels. Fixed and adaptive windows, one to three dimensions, are one op: the
// kernels see a table of windows per axis (pool_windows.h).
#pragma once

#include <farro/core/api.h>
#include <farro/core/op/op.h>

namespace farro {

// One entry per spatial dimension. Adaptive pooling has no kernel and follows from `output` alone.
struct FARRO_API PoolParams {
  Dims kernel, stride, padding, dilation;
  Dims output;  // spatial sizes of the result
  bool count_include_pad = true;
  bool channels_last = false;  // the layout of x and of all that follows from it
  static constexpr std::array names{"kernel_size",       "stride",       "padding", "dilation", "output_size",
                                    "count_include_pad", "channels_last"};

  bool adaptive() const noexcept { return kernel.empty(); }
};

// Results: the values, and where in its window each was found (row-major number of the kernel element; u8 where the
// window has at most 256, else i32).
struct FARRO_API MaxPool {
  static constexpr OpInfo info{.name = "max_pool"};
  static constexpr int kOutputs = 2;
  struct Args {
    const Tensor& x;
    const PoolParams& params;
    static constexpr std::array names{"x", "params"};
  };
  static constexpr Keep kKeep = Keep::sizes<Args>("x") | Keep::outputs(1);
  static std::array<TensorSpec, 2> infer(const Args& args);
  static Grads backward(const Back<MaxPool>& b);
  static Cost cost(const Args& args);
};

// Sends each element of grad to the place in x that the pooling took.
struct FARRO_API MaxPoolBackward {
  static constexpr OpInfo info{.name = "max_pool_backward"};
  struct Args {
    const Tensor& grad;
    const Tensor& indices;
    Shape x_sizes;
    const PoolParams& params;
    static constexpr std::array names{"grad", "indices", "x_sizes", "params"};
  };
  static constexpr Keep kKeep = Keep::inputs<Args>("indices");
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<MaxPoolBackward>& b);
  static Cost cost(const Args& args);
};

// The elements of x at the places that an earlier pooling took: the gradient of MaxPoolBackward.
struct FARRO_API MaxPoolGather {
  static constexpr OpInfo info{.name = "max_pool_gather", .autocast = Autocast::none};
  struct Args {
    const Tensor& x;
    const Tensor& indices;
    const PoolParams& params;
    static constexpr std::array names{"x", "indices", "params"};
  };
  static constexpr Keep kKeep = Keep::inputs<Args>("indices") | Keep::sizes<Args>("x");
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<MaxPoolGather>& b);
  static Cost cost(const Args& args);
};

struct FARRO_API AvgPool {
  static constexpr OpInfo info{.name = "avg_pool"};
  struct Args {
    const Tensor& x;
    const PoolParams& params;
    static constexpr std::array names{"x", "params"};
  };
  static constexpr Keep kKeep = Keep::sizes<Args>("x");
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<AvgPool>& b);
  static Cost cost(const Args& args);
};

// Spreads each element of grad evenly over its window.
struct FARRO_API AvgPoolBackward {
  static constexpr OpInfo info{.name = "avg_pool_backward"};
  struct Args {
    const Tensor& grad;
    Shape x_sizes;
    const PoolParams& params;
    static constexpr std::array names{"grad", "x_sizes", "params"};
  };
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<AvgPoolBackward>& b);
  static Cost cost(const Args& args);
};

}  // namespace farro
