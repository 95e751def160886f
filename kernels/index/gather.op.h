// The op structs of gather.h, for their kernels. All tensors have at least one dimension, and `dim` is not negative.
#pragma once

#include <farro/autograd/node/saved_tensor.h>
#include <farro/core/op/op.h>

namespace farro {

struct Gather {
  static constexpr OpInfo info{.name = "gather"};
  struct Args {
    const Tensor& input;
    int64_t dim;
    const Tensor& index;
    static constexpr std::array names{"input", "dim", "index"};
    auto fields() const { return std::tie(input, dim, index); }
  };
  struct Saved {
    Shape input_sizes;
    int64_t dim;
    SavedTensor index;
  };
  static TensorSpec infer(const Args& args);
  static Saved save(const Args& args, const Outputs<Gather>&, Need);
  static Grads backward(const Saved& saved, const Grads& grads, Need need);
  static Cost cost(const Args& args);
};

struct ScatterAdd {
  static constexpr OpInfo info{.name = "scatter_add"};
  struct Args {
    const Tensor& input;
    int64_t dim;
    const Tensor& index;
    const Tensor& src;  // of the index' sizes
    static constexpr std::array names{"input", "dim", "index", "src"};
    auto fields() const { return std::tie(input, dim, index, src); }
  };
  struct Saved {
    int64_t dim;
    SavedTensor index;
  };
  static TensorSpec infer(const Args& args);
  static Saved save(const Args& args, const Outputs<ScatterAdd>&, Need);
  static Grads backward(const Saved& saved, const Grads& grads, Need need);
  static Cost cost(const Args& args);
};

struct IndexSelect {
  static constexpr OpInfo info{.name = "index_select"};
  using Args = Gather::Args;
  using Saved = Gather::Saved;
  static TensorSpec infer(const Args& args);
  static Saved save(const Args& args, const Outputs<IndexSelect>&, Need);
  static Grads backward(const Saved& saved, const Grads& grads, Need need);
  static Cost cost(const Args& args);
};

struct IndexAdd {
  static constexpr OpInfo info{.name = "index_add"};
  using Args = ScatterAdd::Args;
  using Saved = ScatterAdd::Saved;
  static TensorSpec infer(const Args& args);
  static Saved save(const Args& args, const Outputs<IndexAdd>&, Need);
  static Grads backward(const Saved& saved, const Grads& grads, Need need);
  static Cost cost(const Args& args);
};

}  // namespace farro
