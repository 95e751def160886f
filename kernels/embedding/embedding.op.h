// SPDX-License-Identifier: Apache-2.0
// The op structs of embedding.h, for its kernels.
#pragma once

#include <farro/core/api.h>
#include <farro/core/op/op.h>

namespace farro {

struct FARRO_API Embedding {
  static constexpr OpInfo info{.name = "embedding", .autocast = Autocast::none};
  struct Args {
    const Tensor& weight;
    const Tensor& indices;
    int64_t padding_idx;
    static constexpr std::array names{"weight", "indices", "padding_idx"};
  };
  static constexpr Keep kKeep = Keep::inputs<Args>("indices") | Keep::sizes<Args>("weight");
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<Embedding>& b);
  static Cost cost(const Args& args);
};

// Zeros [rows, D] with every grad[i] added to row indices[i], except for the padding row.
struct FARRO_API EmbeddingBackward {
  static constexpr OpInfo info{.name = "embedding_backward", .autocast = Autocast::none};
  struct Args {
    const Tensor& grad;
    const Tensor& indices;
    int64_t rows, padding_idx;
    static constexpr std::array names{"grad", "indices", "rows", "padding_idx"};
  };
  static constexpr Keep kKeep = Keep::inputs<Args>("indices");
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<EmbeddingBackward>& b);
  static Cost cost(const Args& args);
};

}  // namespace farro
