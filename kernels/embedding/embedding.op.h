// The op structs of embedding.h, for its kernels.
#pragma once

#include <farro/autograd/node/saved_tensor.h>
#include <farro/core/op/op.h>

namespace farro {

struct Embedding {
  static constexpr OpInfo info{.name = "embedding"};
  struct Args {
    const Tensor& weight;
    const Tensor& indices;
    int64_t padding_idx;
    static constexpr std::array names{"weight", "indices", "padding_idx"};
    auto fields() const { return std::tie(weight, indices, padding_idx); }
  };
  struct Saved {
    SavedTensor indices;
    int64_t rows, padding_idx;
  };
  static TensorSpec infer(const Args& args);
  static Saved save(const Args& args, const Outputs<Embedding>&, Need need);
  static Grads backward(const Saved& saved, const Grads& grads, Need need);
  static Cost cost(const Args& args);
};

// Zeros [rows, D] with every grad[i] added to row indices[i], except for the padding row.
struct EmbeddingBackward {
  static constexpr OpInfo info{.name = "embedding_backward"};
  struct Args {
    const Tensor& grad;
    const Tensor& indices;
    int64_t rows, padding_idx;
    static constexpr std::array names{"grad", "indices", "rows", "padding_idx"};
    auto fields() const { return std::tie(grad, indices, rows, padding_idx); }
  };
  struct Saved {
    SavedTensor indices;
    int64_t padding_idx;
  };
  static TensorSpec infer(const Args& args);
  static Saved save(const Args& args, const Outputs<EmbeddingBackward>&, Need need);
  static Grads backward(const Saved& saved, const Grads& grads, Need need);
  static Cost cost(const Args& args);
};

}  // namespace farro
