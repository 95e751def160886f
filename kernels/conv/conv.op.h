// SPDX-License-Identifier: Apache-2.0
// The op structs behind conv.h, for their kernels. One struct serves all three spatial ranks; conv's gradient is two
// ops of their own, each again differentiable: conv, conv_backward_data and conv_backward_filter are the three partial
// maps of one trilinear form, so each one's gradient is made of the other two.
#pragma once

#include <farro/core/api.h>
#include <farro/core/op/op.h>
#include <farro/kernels/conv/conv.h>
#include <farro/kernels/conv/conv_shape.h>

namespace farro {

struct FARRO_API Conv {
  static constexpr OpInfo info{.name = "conv", .autocast = Autocast::half};
  struct Args {
    const Tensor& x;
    const Tensor& weight;
    const Tensor& bias;
    const ConvParams& params;
    static constexpr std::array names{"x", "weight", "bias?", "params"};
  };
  static constexpr Keep kKeep = Keep::inputs<Args>("x", "weight") | Keep::sizes<Args>("x", "weight");
  static Keep keep(const Args&, Need need) {
    return Keep::sizes<Args>("x", "weight") | Keep::inputs<Args>("x").when(need[1] || need[2]) |
           Keep::inputs<Args>("weight").when(need[0]);
  }
  static ConvShape shape(const Args& args);
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<Conv>& b);
  static Cost cost(const Args& args);
};

// The gradient of conv with respect to x.
struct FARRO_API ConvBackwardData {
  static constexpr OpInfo info{.name = "conv_backward_data", .autocast = Autocast::half};
  struct Args {
    const Tensor& grad;
    const Tensor& weight;
    Shape x_sizes;
    const ConvParams& params;
    static constexpr std::array names{"grad", "weight", "x_sizes", "params"};
  };
  static constexpr Keep kKeep = Keep::inputs<Args>("grad", "weight") | Keep::sizes<Args>("weight");
  static Keep keep(const Args&, Need need) {
    return Keep::sizes<Args>("weight") | Keep::inputs<Args>("grad").when(need[1]) |
           Keep::inputs<Args>("weight").when(need[0]);
  }
  static ConvShape shape(const Args& args);
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<ConvBackwardData>& b);
  static Cost cost(const Args& args);
};

// The gradients of conv with respect to weight and bias; the second output is empty unless `bias`.
struct FARRO_API ConvBackwardFilter {
  static constexpr OpInfo info{.name = "conv_backward_filter", .autocast = Autocast::half};
  static constexpr int kOutputs = 2;
  struct Args {
    const Tensor& grad;
    const Tensor& x;
    Shape weight_sizes;
    bool bias;
    const ConvParams& params;
    static constexpr std::array names{"grad", "x", "weight_sizes", "bias", "params"};
  };
  static constexpr Keep kKeep = Keep::inputs<Args>("grad", "x") | Keep::sizes<Args>("x");
  static Keep keep(const Args&, Need need) {
    return Keep::sizes<Args>("x") | Keep::inputs<Args>("grad").when(need[1]) | Keep::inputs<Args>("x").when(need[0]);
  }
  static ConvShape shape(const Args& args);
  static std::array<TensorSpec, 2> infer(const Args& args);
  static Grads backward(const Back<ConvBackwardFilter>& b);
  static Cost cost(const Args& args);
};

// The gradient of a convolution's result with respect to x: from grad [N, O, ...] and weight to `x_sizes`. The rank of
// grad says which convolution; options are those of the convolution.
FARRO_API Tensor conv_backward_data(const Tensor& grad, const Tensor& weight, const Shape& x_sizes,
                                    const ConvOptions& options = {});
// The gradients with respect to weight and, if asked for, bias (else an empty tensor).
FARRO_API std::pair<Tensor, Tensor> conv_backward_filter(const Tensor& grad, const Tensor& x, const Shape& weight_sizes,
                                                         bool with_bias, const ConvOptions& options = {});

}  // namespace farro
