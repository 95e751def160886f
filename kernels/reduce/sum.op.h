// The op structs of sum.h, for its kernels.
#pragma once

#include <farro/autograd/node/saved_tensor.h>
#include <farro/kernels/reduce/reduce_op.h>

namespace farro {

struct Sum {
  static constexpr OpInfo info{.name = "sum", .autocast = Autocast::full};
  using Args = ReduceArgs;
  using Saved = ReducedFrom;
  static TensorSpec infer(const Args& args);
  static Saved save(const Args& args, const Outputs<Sum>&, Need) { return {info.name, args.input, args.dims}; }
  static Grads backward(const Saved& saved, const Grads& grads, Need);
  static Cost cost(const Args& args) { return reduce_cost(args, 1, item_size(sum_dtype(args.input.dtype()))); }
};

struct Mean {
  static constexpr OpInfo info{.name = "mean", .autocast = Autocast::full};
  using Args = ReduceArgs;
  using Saved = ReducedFrom;
  static TensorSpec infer(const Args& args);
  static Saved save(const Args& args, const Outputs<Mean>&, Need) { return {info.name, args.input, args.dims}; }
  static Grads backward(const Saved& saved, const Grads& grads, Need);
  static Cost cost(const Args& args) { return reduce_cost(args, 1, item_size(args.input.dtype())); }
};

struct Any {
  static constexpr OpInfo info{.name = "any"};
  static constexpr const char* no_backward = "the result is bool";
  using Args = ReduceArgs;
  static TensorSpec infer(const Args& args);
  static Cost cost(const Args& args) { return reduce_cost(args, 1, sizeof(bool)); }
};

struct All {
  static constexpr OpInfo info{.name = "all"};
  static constexpr const char* no_backward = "the result is bool";
  using Args = ReduceArgs;
  static TensorSpec infer(const Args& args);
  static Cost cost(const Args& args) { return reduce_cost(args, 1, sizeof(bool)); }
};

}  // namespace farro
