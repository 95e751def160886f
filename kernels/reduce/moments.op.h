// SPDX-License-Identifier: Apache-2.0
// The op structs of moments.h, for its kernels.
#pragma once

#include <farro/core/api.h>
#include <farro/kernels/reduce/reduce_op.h>

namespace farro {

struct FARRO_API Var {
  static constexpr OpInfo info{.name = "var", .autocast = Autocast::full};
  struct Args {
    const Tensor& input;
    Dims dims;
    bool unbiased;
    bool keepdim;
    static constexpr std::array names{"input", "dims", "unbiased", "keepdim"};
  };
  static constexpr Keep kKeep = Keep::inputs<Args>("input");
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<Var>& b);
  static Cost cost(const Args& args) {
    return reduce_cost({args.input, args.dims, args.keepdim}, 4, item_size(args.input.dtype()));
  }
};

// For 0 < p < infinity.
struct FARRO_API Norm {
  static constexpr OpInfo info{.name = "norm", .autocast = Autocast::full};
  struct Args {
    const Tensor& input;
    double p;
    Dims dims;
    bool keepdim;
    static constexpr std::array names{"input", "p", "dims", "keepdim"};
  };
  static constexpr Keep kKeep = Keep::inputs<Args>("input") | Keep::outputs(0);
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<Norm>& b);
  static Cost cost(const Args& args) {
    return reduce_cost({args.input, args.dims, args.keepdim}, 2, item_size(args.input.dtype()));
  }
};

struct FARRO_API LogSumExp {
  static constexpr OpInfo info{.name = "logsumexp", .autocast = Autocast::full};
  using Args = ReduceArgs;
  static constexpr Keep kKeep = Keep::inputs<Args>("input") | Keep::outputs(0);
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<LogSumExp>& b);
  static Cost cost(const Args& args) { return reduce_cost(args, 4, item_size(args.input.dtype())); }
};

}  // namespace farro
