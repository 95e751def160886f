// The op structs behind conv.h, for their kernels. One struct serves all three spatial ranks; conv's gradient is two
// ops of their own, each again differentiable: conv, conv_backward_data and conv_backward_filter are the three partial
// maps of one trilinear form, so each one's gradient is made of the other two.
#pragma once

#include <farro/autograd/node/saved_tensor.h>
#include <farro/core/op/op.h>
#include <farro/kernels/conv/conv_shape.h>

namespace farro {

struct Conv {
  static constexpr OpInfo info{.name = "conv", .autocast = Autocast::half};
  static constexpr uint64_t kOptional = 1 << 2;
  struct Args {
    const Tensor& x;
    const Tensor& weight;
    const Tensor& bias;
    const ConvParams& params;
    static constexpr std::array names{"x", "weight", "bias", "stride", "padding", "padding_end", "dilation", "groups"};
    auto fields() const {
      return std::tie(x, weight, bias, params.stride, params.padding, params.padding_end, params.dilation,
                      params.groups);
    }
  };
  struct Saved {
    SavedTensor x, weight;
    Shape x_sizes, weight_sizes;
    ConvParams params;
  };
  static ConvShape shape(const Args& args);
  static TensorSpec infer(const Args& args);
  static Saved save(const Args& args, const Outputs<Conv>&, Need need);
  static Grads backward(const Saved& saved, const Grads& grads, Need need);
  static Cost cost(const Args& args);
};

// The gradient of conv with respect to x.
struct ConvBackwardData {
  static constexpr OpInfo info{.name = "conv_backward_data", .autocast = Autocast::half};
  struct Args {
    const Tensor& grad;
    const Tensor& weight;
    Shape x_sizes;
    const ConvParams& params;
    static constexpr std::array names{"grad",    "weight",      "x_sizes",  "stride",
                                      "padding", "padding_end", "dilation", "groups"};
    auto fields() const {
      return std::tie(grad, weight, x_sizes, params.stride, params.padding, params.padding_end, params.dilation,
                      params.groups);
    }
  };
  struct Saved {
    SavedTensor grad, weight;
    Shape weight_sizes;
    ConvParams params;
  };
  static ConvShape shape(const Args& args);
  static TensorSpec infer(const Args& args);
  static Saved save(const Args& args, const Outputs<ConvBackwardData>&, Need need);
  static Grads backward(const Saved& saved, const Grads& grads, Need need);
  static Cost cost(const Args& args);
};

// The gradients of conv with respect to weight and bias; the second output is empty unless `bias`.
struct ConvBackwardFilter {
  static constexpr OpInfo info{.name = "conv_backward_filter", .autocast = Autocast::half};
  static constexpr int kOutputs = 2;
  struct Args {
    const Tensor& grad;
    const Tensor& x;
    Shape weight_sizes;
    bool bias;
    const ConvParams& params;
    static constexpr std::array names{"grad",    "x",           "weight_sizes", "bias",  "stride",
                                      "padding", "padding_end", "dilation",     "groups"};
    auto fields() const {
      return std::tie(grad, x, weight_sizes, bias, params.stride, params.padding, params.padding_end, params.dilation,
                      params.groups);
    }
  };
  struct Saved {
    SavedTensor grad, x;
    Shape x_sizes, weight_sizes;
    bool bias;
    ConvParams params;
  };
  static ConvShape shape(const Args& args);
  static std::array<TensorSpec, 2> infer(const Args& args);
  static Saved save(const Args& args, const Outputs<ConvBackwardFilter>&, Need need);
  static Grads backward(const Saved& saved, const Grads& grads, Need need);
  static Cost cost(const Args& args);
};

}  // namespace farro
