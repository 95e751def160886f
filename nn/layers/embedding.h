// SPDX-License-Identifier: Apache-2.0
// A table of vectors, looked up by index.
#pragma once

#include <farro/core/api.h>
#include <farro/nn/module/module.h>

namespace farro::nn {

struct EmbeddingOptions {
  int64_t num_embeddings = 0;
  int64_t embedding_dim = 0;
  int64_t padding_idx = -1;  // its row starts at zero and gets no gradient; negative: none
};

// indices i64 [...] -> [..., embedding_dim]. weight [num_embeddings, embedding_dim] starts standard normal.
class FARRO_API Embedding final : public Module {
 public:
  using Options = EmbeddingOptions;
  // ValueError unless both sizes are positive and padding_idx is below num_embeddings.
  Embedding(Parent parent, std::string_view name, const EmbeddingOptions& options);
  Tensor forward(const Tensor& indices) override;

  const EmbeddingOptions options;
  Parameter weight;
};

}  // namespace farro::nn
