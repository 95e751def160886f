// SPDX-License-Identifier: Apache-2.0
// GPT-2 (Radford et al. 2019): blocks of attention and a network of width 4 E, normalised before each, and an output
// that shares the token embedding's matrix.
#include <farro/nn/models/gpt.h>

#include <farro/kernels/matmul/matmul.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/pointwise/activation.h>
#include <farro/nn/init/init.h>

#include <cmath>

namespace farro::nn {

namespace {

const GPTOptions& checked(const GPTOptions& o) {
  FARRO_CHECK(o.vocab_size > 0 && o.block_size > 0 && o.layers > 0, ValueError,
              "GPT: vocab_size, block_size and layers must be positive, got ", o.vocab_size, ", ", o.block_size,
              " and ", o.layers);
  return o;
}

}  // namespace

GPTBlock::GPTBlock(Parent parent, std::string_view name, const GPTOptions& o)
    : Module(parent, name),
      options(o),
      ln_1(*this, "ln_1", {.normalized_shape = o.embed_dim}),
      attn(*this, "attn", {.embed_dim = o.embed_dim, .num_heads = o.heads, .dropout = o.dropout}),
      ln_2(*this, "ln_2", {.normalized_shape = o.embed_dim}),
      fc(*this, "fc", {.in_features = o.embed_dim, .out_features = 4 * o.embed_dim}),
      proj(*this, "proj", {.in_features = 4 * o.embed_dim, .out_features = o.embed_dim}),
      drop(*this, "drop", {.p = o.dropout}) {
  // GPT-2's values; what is added to the residual stream is scaled down by the number of additions.
  const double std = 0.02, into_residual = std / std::sqrt(2.0 * static_cast<double>(o.layers));
  init::normal_(attn.in_proj_weight, 0, std);
  init::normal_(attn.out_proj.weight, 0, into_residual);
  init::normal_(fc.weight, 0, std);
  init::normal_(proj.weight, 0, into_residual);
  init::constant_(fc.bias, 0);
  init::constant_(proj.bias, 0);
}

Tensor GPTBlock::forward(const Tensor& x) {
  const Tensor seen = x + drop(attn(ln_1(x), {.causal = true}));
  return seen + drop(proj(gelu(fc(ln_2(seen)), GeluApproximation::tanh)));
}

GPT::GPT(Parent parent, std::string_view name, const GPTOptions& options_)
    : Module(parent, name),
      options(checked(options_)),
      wte(*this, "wte", {.num_embeddings = options.vocab_size, .embedding_dim = options.embed_dim}),
      wpe(*this, "wpe", {.num_embeddings = options.block_size, .embedding_dim = options.embed_dim}),
      drop(*this, "drop", {.p = options.dropout}),
      blocks(*this, "blocks"),
      ln_f(*this, "ln_f", {.normalized_shape = options.embed_dim}) {
  init::normal_(wte.weight, 0, 0.02);
  init::normal_(wpe.weight, 0, 0.02);
  for (int64_t i = 0; i < options.layers; ++i) blocks.add(options);
}

Tensor GPT::forward(const Tensor& tokens) {
  FARRO_CHECK(tokens.dim() == 2 && tokens.size(1) <= options.block_size, ShapeError,
              "GPT: tokens must be [B, L] with L at most ", options.block_size, ", got ", tokens);
  const Tensor positions = arange(tokens.size(1), {.device = tokens.device()});
  // Learned positions: one row for each of the block's places.
  Tensor x = drop(wte(tokens) + wpe(positions));
  for (auto& block : blocks) x = block(x);
  // Shared with the embedding (Press and Wolf 2017).
  return linear(ln_f(x), wte.weight);
}

}  // namespace farro::nn
