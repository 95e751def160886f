// The op struct of sort.h: the first `count` of the sorted elements along a dimension.
#pragma once

#include <farro/autograd/node/saved_tensor.h>
#include <farro/core/op/op.h>

namespace farro {

struct Sort {
  static constexpr OpInfo info{.name = "sort"};
  static constexpr int kOutputs = 2;  // values, indices
  struct Args {
    const Tensor& input;  // with at least one dimension
    int64_t count;
    int64_t dim;  // not negative
    bool descending;
    static constexpr std::array names{"input", "count", "dim", "descending"};
    auto fields() const { return std::tie(input, count, dim, descending); }
  };
  struct Saved {
    Shape input_sizes;
    int64_t dim;
    SavedTensor indices;
  };
  static std::array<TensorSpec, 2> infer(const Args& args);
  static Saved save(const Args& args, const std::array<Tensor, 2>& out, Need);
  static Grads backward(const Saved& saved, const Grads& grads, Need need);
  static Cost cost(const Args& args);
};

}  // namespace farro
