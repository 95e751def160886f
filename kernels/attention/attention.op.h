// The op structs of attention.h, for its kernels. Tensors have 4 dimensions here.
#pragma once

#include <farro/autograd/node/saved_tensor.h>
#include <farro/core/op/op.h>

namespace farro {

// {out [B, H, L, E], lse [B, H, L]}: lse is log(sum(exp(scores))) of each query, -inf where it attends to nothing.
struct Attention {
  static constexpr OpInfo info{.name = "scaled_dot_product_attention", .autocast = Autocast::half};
  static constexpr int kOutputs = 2;
  static constexpr uint64_t kOptional = 0b1000;
  struct Args {
    const Tensor& q;
    const Tensor& k;
    const Tensor& v;
    const Tensor& mask;
    bool causal;
    double scale;
    static constexpr std::array names{"q", "k", "v", "mask", "causal", "scale"};
    auto fields() const { return std::tie(q, k, v, mask, causal, scale); }
  };
  struct Saved {
    SavedTensor q, k, v, mask, out, lse;
    bool causal;
    double scale;
  };
  static std::array<TensorSpec, 2> infer(const Args& args);
  static Saved save(const Args& args, const Outputs<Attention>& out, Need need);
  static Grads backward(const Saved& saved, const Grads& grads, Need need);
  static Cost cost(const Args& args);
};

// {grad_q, grad_k, grad_v}.
struct AttentionBackward {
  static constexpr OpInfo info{.name = "scaled_dot_product_attention_backward", .autocast = Autocast::half};
  static constexpr int kOutputs = 3;
  static constexpr uint64_t kOptional = 0b10000;
  static constexpr const char* no_backward =
      "where gradients of gradients are recorded, attention's backward is made of public ops instead";
  struct Args {
    const Tensor& grad;
    const Tensor& q;
    const Tensor& k;
    const Tensor& v;
    const Tensor& mask;
    const Tensor& out;
    const Tensor& lse;
    bool causal;
    double scale;
    static constexpr std::array names{"grad", "q", "k", "v", "mask", "out", "lse", "causal", "scale"};
    auto fields() const { return std::tie(grad, q, k, v, mask, out, lse, causal, scale); }
  };
  static std::array<TensorSpec, 3> infer(const Args& args);
  static Cost cost(const Args& args);
};

}  // namespace farro
