// SPDX-License-Identifier: Apache-2.0
// The op struct of row_dot.h, for its kernels.
#pragma once

#include <farro/core/api.h>
#include <farro/core/op/op.h>

namespace farro {

struct FARRO_API RowDot {
  static constexpr OpInfo info{.name = "row_dot", .autocast = Autocast::half};
  struct Args {
    const Tensor& a;
    const Tensor& b;
    static constexpr std::array names{"a", "b"};
  };
  static constexpr Keep kKeep = Keep::inputs<Args>("a", "b");
  // The gradient of one has the other in it.
  static Keep keep(const Args&, Need need) {
    return Keep::inputs<Args>("a").when(need[1]) | Keep::inputs<Args>("b").when(need[0]);
  }
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<RowDot>& b);
  static Cost cost(const Args& args);
};

}  // namespace farro
