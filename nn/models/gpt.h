// SPDX-License-Identifier: Apache-2.0
// A small GPT (Radford et al. 2019): token and position embeddings, pre-norm blocks of causal self-attention and a GELU
// MLP, and an output layer that shares the token embedding.
#pragma once

#include <farro/core/api.h>
#include <farro/nn/layers/attention.h>
#include <farro/nn/layers/dropout.h>
#include <farro/nn/layers/embedding.h>
#include <farro/nn/layers/linear.h>
#include <farro/nn/layers/norm.h>
#include <farro/nn/module/containers.h>

namespace farro::nn {

struct GPTOptions {
  int64_t vocab_size = 0;
  int64_t block_size = 128;  // positions, at most
  int64_t layers = 4;
  int64_t heads = 4;
  int64_t embed_dim = 128;
  double dropout = 0;
};

// x + attention(norm(x)), then x + mlp(norm(x)), for x [B, L, E].
class FARRO_API GPTBlock final : public Module {
 public:
  using Options = GPTOptions;
  GPTBlock(Parent parent, std::string_view name, const GPTOptions& options);
  Tensor forward(const Tensor& x) override;

  const GPTOptions options;
  LayerNorm ln_1;
  MultiheadAttention attn;
  LayerNorm ln_2;
  Linear fc;
  Linear proj;
  Dropout drop;
};

// tokens i64 [B, L] with L <= block_size -> logits [B, L, vocab_size].
class FARRO_API GPT final : public Module {
 public:
  using Options = GPTOptions;
  explicit GPT(const GPTOptions& o) : GPT(root, {}, o) {}
  // ValueError for sizes that are not positive.
  GPT(Parent parent, std::string_view name, const GPTOptions& options);
  Tensor forward(const Tensor& tokens) override;

  const GPTOptions options;
  Embedding wte;
  Embedding wpe;
  Dropout drop;
  ModuleList<GPTBlock> blocks;
  LayerNorm ln_f;
};

}  // namespace farro::nn
