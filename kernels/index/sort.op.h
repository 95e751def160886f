// SPDX-License-Identifier: Apache-2.0
// The op struct of sort.h: the first `count` of the sorted elements along a dimension.
#pragma once

#include <farro/core/api.h>
#include <farro/core/op/op.h>

namespace farro {

struct FARRO_API Sort {
  static constexpr OpInfo info{.name = "sort", .autocast = Autocast::none};
  static constexpr int kOutputs = 2;  // values, indices
  struct Args {
    const Tensor& input;  // with at least one dimension
    int64_t count;
    int64_t dim;  // not negative
    bool descending;
    static constexpr std::array names{"input", "count", "dim", "descending"};
  };
  static constexpr Keep kKeep = Keep::sizes<Args>("input") | Keep::outputs(1);
  static std::array<TensorSpec, 2> infer(const Args& args);
  static Grads backward(const Back<Sort>& b);
  static Cost cost(const Args& args);
};

}  // namespace farro
