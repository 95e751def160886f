// SPDX-License-Identifier: Apache-2.0
// Multi-head attention (Vaswani et al. 2017) with PyTorch's parameter names.
#pragma once

#include <farro/core/api.h>
#include <farro/nn/layers/linear.h>

namespace farro::nn {

struct MultiheadAttentionOptions {
  int64_t embed_dim = 0;
  int64_t num_heads = 0;
  double dropout = 0;  // of the attention weights, while training
  bool bias = true;
};

struct AttentionInputs {
  Tensor mask = {};     // bool (true: may attend) or additive, broadcast to [B, H, L, S]
  bool causal = false;  // position i sees positions up to i
};

// The batch comes first: query [B, L, E], key and value [B, S, E] -> [B, L, E]. in_proj_weight [3E, E] holds the
// projections of query, key and value one below the other; a call with one tensor for all three multiplies by it once.
class FARRO_API MultiheadAttention final : public Module {
 public:
  using Options = MultiheadAttentionOptions;
  // ValueError unless embed_dim is a positive multiple of num_heads.
  MultiheadAttention(Parent parent, std::string_view name, const MultiheadAttentionOptions& options);

  Tensor operator()(const Tensor& query, const Tensor& key, const Tensor& value, const AttentionInputs& inputs = {});
  Tensor operator()(const Tensor& x, const AttentionInputs& inputs = {});
  Tensor forward(const Tensor& x) override { return attend(x, x, x, {}); }

  const MultiheadAttentionOptions options;
  Parameter in_proj_weight;
  Parameter in_proj_bias;
  Linear out_proj;

 private:
  Tensor attend(const Tensor& query, const Tensor& key, const Tensor& value, const AttentionInputs& inputs);
  // x [B, L, E] times rows [from, from + count) * E of in_proj_weight, as [count, B, H, L, E / H].
  Tensor project(const Tensor& x, int64_t from, int64_t count);
};

}  // namespace farro::nn
