// SPDX-License-Identifier: Apache-2.0
// The op structs of sum.h, for its kernels.
#pragma once

#include <farro/core/api.h>
#include <farro/kernels/reduce/reduce_op.h>

namespace farro {

struct FARRO_API Sum {
  static constexpr OpInfo info{.name = "sum", .autocast = Autocast::full};
  using Args = ReduceArgs;
  static constexpr Keep kKeep = Keep::sizes<Args>("input");
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<Sum>& b);
  static Cost cost(const Args& args) { return reduce_cost(args, 1, item_size(sum_dtype(args.input.dtype()))); }
};

struct FARRO_API Mean {
  static constexpr OpInfo info{.name = "mean", .autocast = Autocast::full};
  using Args = ReduceArgs;
  static constexpr Keep kKeep = Keep::sizes<Args>("input");
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<Mean>& b);
  static Cost cost(const Args& args) { return reduce_cost(args, 1, item_size(args.input.dtype())); }
};

struct FARRO_API Any {
  static constexpr OpInfo info{.name = "any", .autocast = Autocast::none};
  static constexpr const char* no_backward = "the result is bool";
  using Args = ReduceArgs;
  static TensorSpec infer(const Args& args);
  static Cost cost(const Args& args) { return reduce_cost(args, 1, sizeof(bool)); }
};

struct FARRO_API All {
  static constexpr OpInfo info{.name = "all", .autocast = Autocast::none};
  static constexpr const char* no_backward = "the result is bool";
  using Args = ReduceArgs;
  static TensorSpec infer(const Args& args);
  static Cost cost(const Args& args) { return reduce_cost(args, 1, sizeof(bool)); }
};

}  // namespace farro
