// SPDX-License-Identifier: Apache-2.0
// The op structs of extremum.h, for its kernels.
#pragma once

#include <farro/core/api.h>
#include <farro/kernels/reduce/reduce_op.h>

namespace farro {

// The value alone.
template <class Op>
struct Extremum {
  using Args = ReduceArgs;
  static constexpr Keep kKeep = Keep::inputs<Args>("input") | Keep::outputs(0);
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<Op>& b);
  static Cost cost(const Args& args) { return reduce_cost(args, 1, item_size(args.input.dtype())); }
};
struct FARRO_API AMax : Extremum<AMax> {
  static constexpr OpInfo info{.name = "amax"};
};
struct FARRO_API AMin : Extremum<AMin> {
  static constexpr OpInfo info{.name = "amin"};
};

struct FARRO_API ReduceDimArgs {
  const Tensor& input;
  int64_t dim;
  bool keepdim;
  static constexpr std::array names{"input", "dim", "keepdim"};
};

// The value and its index.
template <class Op>
struct IndexedExtremum {
  using Args = ReduceDimArgs;
  static constexpr int kOutputs = 2;
  static constexpr Keep kKeep = Keep::sizes<Args>("input") | Keep::outputs(1);
  static std::array<TensorSpec, 2> infer(const Args& args);
  static Grads backward(const Back<Op>& b);
  static Cost cost(const Args& args) {
    return reduce_cost({args.input, {args.dim}, args.keepdim}, 1, item_size(args.input.dtype()) + sizeof(int64_t));
  }
};
struct FARRO_API MaxDim : IndexedExtremum<MaxDim> {
  static constexpr OpInfo info{.name = "max"};
};
struct FARRO_API MinDim : IndexedExtremum<MinDim> {
  static constexpr OpInfo info{.name = "min"};
};

// The index alone.
template <class Op>
struct ArgExtremum {
  using Args = ReduceDimArgs;
  static constexpr const char* no_backward = "the result is an index";
  static TensorSpec infer(const Args& args);
  static Cost cost(const Args& args) { return reduce_cost({args.input, {args.dim}, args.keepdim}, 1, sizeof(int64_t)); }
};
struct FARRO_API ArgMax : ArgExtremum<ArgMax> {
  static constexpr OpInfo info{.name = "argmax", .autocast = Autocast::none};
};
struct FARRO_API ArgMin : ArgExtremum<ArgMin> {
  static constexpr OpInfo info{.name = "argmin", .autocast = Autocast::none};
};

}  // namespace farro
