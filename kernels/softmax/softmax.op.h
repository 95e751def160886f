// SPDX-License-Identifier: Apache-2.0
// The op structs of softmax.h, for its kernels. `dim` is not negative.
#pragma once

#include <farro/core/api.h>
#include <farro/core/op/op.h>

namespace farro {

struct FARRO_API Softmax {
  static constexpr OpInfo info{.name = "softmax", .autocast = Autocast::full};
  struct Args {
    const Tensor& x;
    int64_t dim;
    static constexpr std::array names{"x", "dim"};
  };
  static constexpr Keep kKeep = Keep::outputs(0);
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<Softmax>& b);
  static Cost cost(const Args& args);
};

// output * (grad - sum(grad * output)), where output is that of softmax.
struct FARRO_API SoftmaxBackward {
  static constexpr OpInfo info{.name = "softmax_backward", .autocast = Autocast::full};
  struct Args {
    const Tensor& grad;
    const Tensor& output;
    int64_t dim;
    static constexpr std::array names{"grad", "output", "dim"};
  };
  static constexpr Keep kKeep = Keep::inputs<Args>("grad", "output");
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<SoftmaxBackward>& b);
  static Cost cost(const Args& args);
};

struct FARRO_API LogSoftmax {
  static constexpr OpInfo info{.name = "log_softmax", .autocast = Autocast::full};
  using Args = Softmax::Args;
  static constexpr Keep kKeep = Keep::outputs(0);
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<LogSoftmax>& b);
  static Cost cost(const Args& args);
};

// grad - exp(output) * sum(grad), where output is that of log_softmax.
struct FARRO_API LogSoftmaxBackward {
  static constexpr OpInfo info{.name = "log_softmax_backward", .autocast = Autocast::full};
  using Args = SoftmaxBackward::Args;
  static constexpr Keep kKeep = Keep::inputs<Args>("grad", "output");
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<LogSoftmaxBackward>& b);
  static Cost cost(const Args& args);
};

// A dimension of size `length` with `inner` elements between its neighbours; `outer` times.
struct FARRO_API SoftmaxShape {
  int64_t outer = 1, length = 1, inner = 1;
};
inline SoftmaxShape softmax_shape(const Shape& sizes, int64_t dim) {
  SoftmaxShape shape;
  for (int i = 0; i < sizes.size(); ++i) (i < dim ? shape.outer : i == dim ? shape.length : shape.inner) *= sizes[i];
  return shape;
}

}  // namespace farro
