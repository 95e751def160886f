// SPDX-License-Identifier: Apache-2.0
// The op struct of join.h.
#pragma once

#include <farro/core/api.h>
#include <farro/core/op/op.h>

namespace farro {

struct FARRO_API Cat {
  static constexpr OpInfo info{.name = "cat"};
  struct Args {
    TensorList tensors;
    int64_t dim;
    static constexpr std::array names{"tensors", "dim"};
  };
  static constexpr Keep kKeep = Keep::sizes<Args>("tensors");
  // As in PyTorch, a tensor of sizes [0] is left out whatever the others look like.
  static bool passed_over(const Tensor& tensor);
  static int along(const Args& args);  // the dimension, not negative
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<Cat>& b);
  static Cost cost(const Args& args);
};

}  // namespace farro
