// SPDX-License-Identifier: Apache-2.0
// The op structs of attention.h, for its kernels. Tensors have 4 dimensions here.
#pragma once

#include <farro/core/api.h>
#include <farro/core/op/op.h>

namespace farro {

// {out [B, H, L, E], lse [B, H, L]}: lse is log(sum(exp(scores))) of each query, -inf where it attends to nothing.
struct FARRO_API Attention {
  static constexpr OpInfo info{.name = "scaled_dot_product_attention", .autocast = Autocast::half};
  static constexpr int kOutputs = 2;
  struct Args {
    const Tensor& q;
    const Tensor& k;
    const Tensor& v;
    const Tensor& mask;
    bool causal;
    double scale;
    static constexpr std::array names{"q", "k", "v", "mask?", "causal", "scale"};
  };
  static constexpr Keep kKeep = Keep::inputs<Args>("q", "k", "v", "mask") | Keep::outputs(0, 1);
  static std::array<TensorSpec, 2> infer(const Args& args);
  static Grads backward(const Back<Attention>& b);
  static Cost cost(const Args& args);
};

// {grad_q, grad_k, grad_v}.
struct FARRO_API AttentionBackward {
  static constexpr OpInfo info{.name = "scaled_dot_product_attention_backward", .autocast = Autocast::half};
  static constexpr int kOutputs = 3;
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
    static constexpr std::array names{"grad", "q", "k", "v", "mask?", "out", "lse", "causal", "scale"};
  };
  static std::array<TensorSpec, 3> infer(const Args& args);
  static Cost cost(const Args& args);
};

}  // namespace farro
