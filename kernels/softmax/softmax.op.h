// The op structs of softmax.h, for its kernels. `dim` is not negative.
#pragma once

#include <farro/autograd/node/saved_tensor.h>
#include <farro/core/op/op.h>

namespace farro {

struct Softmax {
  static constexpr OpInfo info{.name = "softmax", .autocast = Autocast::full};
  struct Args {
    const Tensor& x;
    int64_t dim;
    static constexpr std::array names{"x", "dim"};
    auto fields() const { return std::tie(x, dim); }
  };
  struct Saved {
    SavedTensor output;
    int64_t dim;
  };
  static TensorSpec infer(const Args& args);
  static Saved save(const Args& args, const Outputs<Softmax>& out, Need) {
    return {SavedTensor::output(out[0]), args.dim};
  }
  static Grads backward(const Saved& saved, const Grads& grads, Need need);
  static Cost cost(const Args& args);
};

// output * (grad - sum(grad * output)), where output is that of softmax.
struct SoftmaxBackward {
  static constexpr OpInfo info{.name = "softmax_backward", .autocast = Autocast::full};
  struct Args {
    const Tensor& grad;
    const Tensor& output;
    int64_t dim;
    static constexpr std::array names{"grad", "output", "dim"};
    auto fields() const { return std::tie(grad, output, dim); }
  };
  struct Saved {
    SavedTensor grad, output;
    int64_t dim;
  };
  static TensorSpec infer(const Args& args);
  static Saved save(const Args& args, const Outputs<SoftmaxBackward>&, Need) {
    return {SavedTensor(args.grad), SavedTensor(args.output), args.dim};
  }
  static Grads backward(const Saved& saved, const Grads& grads, Need need);
  static Cost cost(const Args& args);
};

struct LogSoftmax {
  static constexpr OpInfo info{.name = "log_softmax", .autocast = Autocast::full};
  using Args = Softmax::Args;
  using Saved = Softmax::Saved;
  static TensorSpec infer(const Args& args);
  static Saved save(const Args& args, const Outputs<LogSoftmax>& out, Need) {
    return {SavedTensor::output(out[0]), args.dim};
  }
  static Grads backward(const Saved& saved, const Grads& grads, Need need);
  static Cost cost(const Args& args);
};

// grad - exp(output) * sum(grad), where output is that of log_softmax.
struct LogSoftmaxBackward {
  static constexpr OpInfo info{.name = "log_softmax_backward", .autocast = Autocast::full};
  using Args = SoftmaxBackward::Args;
  using Saved = SoftmaxBackward::Saved;
  static TensorSpec infer(const Args& args);
  static Saved save(const Args& args, const Outputs<LogSoftmaxBackward>&, Need) {
    return {SavedTensor(args.grad), SavedTensor(args.output), args.dim};
  }
  static Grads backward(const Saved& saved, const Grads& grads, Need need);
  static Cost cost(const Args& args);
};

// A dimension of size `length` with `inner` elements between its neighbours; `outer` times.
struct SoftmaxShape {
  int64_t outer = 1, length = 1, inner = 1;
};
inline SoftmaxShape softmax_shape(const Shape& sizes, int64_t dim) {
  SoftmaxShape shape;
  for (int i = 0; i < sizes.size(); ++i) (i < dim ? shape.outer : i == dim ? shape.length : shape.inner) *= sizes[i];
  return shape;
}

}  // namespace farro
