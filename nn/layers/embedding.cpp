// SPDX-License-Identifier: Apache-2.0
// The Embedding layer: a table with a row for each index; the row of padding_idx begins as zeros and gets no gradient.
#include <farro/nn/layers/embedding.h>

#include <farro/kernels/embedding/embedding.h>
#include <farro/nn/init/init.h>

namespace farro::nn {

namespace {

const EmbeddingOptions& checked(const EmbeddingOptions& o) {
  FARRO_CHECK(o.num_embeddings > 0 && o.embedding_dim > 0, ValueError,
              "Embedding: num_embeddings and embedding_dim must be positive, got ", o.num_embeddings, " and ",
              o.embedding_dim);
  FARRO_CHECK(o.padding_idx < o.num_embeddings, ValueError, "Embedding: padding_idx must be below num_embeddings ",
              o.num_embeddings, ", got ", o.padding_idx);
  return o;
}

Tensor table(const EmbeddingOptions& o) {
  // PyTorch's default, a standard normal distribution.
  Tensor weight = init::normal_(empty({o.num_embeddings, o.embedding_dim}));
  if (o.padding_idx >= 0) weight[o.padding_idx].zero_();
  return weight;
}

}  // namespace

Embedding::Embedding(Parent parent, std::string_view name, const EmbeddingOptions& options_)
    : Module(parent, name), options(checked(options_)), weight(*this, "weight", table(options)) {}

Tensor Embedding::forward(const Tensor& indices) {
  return embedding(weight, indices, {.padding_idx = options.padding_idx});
}

}  // namespace farro::nn
