// SPDX-License-Identifier: Apache-2.0
// Multi-head attention (Vaswani et al. 2017, section 3.2.2): one matrix projects to queries, keys and values; heads are
// a view of the projections.
#include <farro/nn/layers/attention.h>

#include <farro/kernels/attention/attention.h>
#include <farro/kernels/matmul/matmul.h>
#include <farro/kernels/memory/factories.h>
#include <farro/nn/init/init.h>

namespace farro::nn {

namespace {

const MultiheadAttentionOptions& checked(const MultiheadAttentionOptions& o) {
  FARRO_CHECK(o.num_heads > 0 && o.embed_dim > 0 && o.embed_dim % o.num_heads == 0, ValueError,
              "MultiheadAttention: embed_dim must be a positive multiple of num_heads, got ", o.embed_dim, " and ",
              o.num_heads);
  FARRO_CHECK(o.dropout >= 0 && o.dropout <= 1, ValueError, "MultiheadAttention: dropout must be in [0, 1], got ",
              o.dropout);
  return o;
}

}  // namespace

MultiheadAttention::MultiheadAttention(Parent parent, std::string_view name, const MultiheadAttentionOptions& options_)
    : Module(parent, name),
      options(checked(options_)),
      in_proj_weight(*this, "in_proj_weight", init::xavier_uniform_(empty({3 * options.embed_dim, options.embed_dim}))),
      in_proj_bias(*this, "in_proj_bias", options.bias ? zeros({3 * options.embed_dim}) : Tensor()),
      out_proj(*this, "out_proj",
               {.in_features = options.embed_dim, .out_features = options.embed_dim, .bias = options.bias}) {
  // PyTorch's initial values.
  if (options.bias) init::constant_(out_proj.bias, 0);
}

Tensor MultiheadAttention::operator()(const Tensor& query, const Tensor& key, const Tensor& value,
                                      const AttentionInputs& inputs) {
  return invoke([this](const auto&... given) { return attend(given...); }, query, key, value, inputs);
}

// One input for hooks, so that query, key and value stay one where a hook replaces it.
Tensor MultiheadAttention::operator()(const Tensor& x, const AttentionInputs& inputs) {
  return invoke([this](const Tensor& given, const AttentionInputs& more) { return attend(given, given, given, more); },
                x, inputs);
}

Tensor MultiheadAttention::project(const Tensor& x, int64_t from, int64_t count) {
  const int64_t e = options.embed_dim, heads = options.num_heads;
  FARRO_CHECK(x.dim() == 3 && x.size(2) == e, ShapeError, "MultiheadAttention: inputs must be [B, L, ", e, "], got ",
              x);
  const bool whole = count == 3;
  const Tensor weight = whole ? Tensor(in_proj_weight) : in_proj_weight.narrow(0, from * e, count * e);
  const Tensor bias = whole || !options.bias ? Tensor(in_proj_bias) : in_proj_bias.narrow(0, from * e, count * e);
  // [B, L, count, heads, E / heads] to [count, B, heads, L, E / heads], without a copy.
  const Tensor all = linear(x, weight, bias).view({x.size(0), x.size(1), count, heads, e / heads});
  return all.permute({2, 0, 3, 1, 4});
}

Tensor MultiheadAttention::attend(const Tensor& query, const Tensor& key, const Tensor& value,
                                  const AttentionInputs& inputs) {
  Tensor q, k, v;
  // Self-attention: one product with all three parts of the matrix.
  if (query.is_same(key) && query.is_same(value)) {
    const Tensor all = project(query, 0, 3);
    q = all[0], k = all[1], v = all[2];
  } else {
    // Each by its third of the matrix.
    q = project(query, 0, 1)[0], k = project(key, 1, 1)[0], v = project(value, 2, 1)[0];
  }
  const Tensor heads = scaled_dot_product_attention(
      q, k, v, {.mask = inputs.mask, .causal = inputs.causal, .dropout_p = is_training() ? options.dropout : 0});
  return out_proj(heads.transpose(1, 2).reshape({query.size(0), query.size(1), options.embed_dim}));
}

}  // namespace farro::nn
