// SPDX-License-Identifier: Apache-2.0
// The op structs of scan.h, for its kernels.
#pragma once

#include <farro/core/api.h>
#include <farro/kernels/reduce/reduce_op.h>

namespace farro {

// Over one dimension; prod() arranges the others.
struct FARRO_API Prod {
  static constexpr OpInfo info{.name = "prod", .autocast = Autocast::full};
  using Args = ReduceArgs;
  static constexpr Keep kKeep = Keep::inputs<Args>("input");
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<Prod>& b);
  static Cost cost(const Args& args) { return reduce_cost(args, 1, item_size(sum_dtype(args.input.dtype()))); }
};

struct FARRO_API CumSum {
  static constexpr OpInfo info{.name = "cumsum", .autocast = Autocast::full};
  struct Args {
    const Tensor& input;
    int64_t dim;
    bool reverse;  // sums from the end
    static constexpr std::array names{"input", "dim", "reverse"};
  };
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<CumSum>& b);
  static Cost cost(const Args& args);
};

struct FARRO_API ProdOthers {
  static constexpr OpInfo info{.name = "prod_others", .autocast = Autocast::full};
  struct Args {
    const Tensor& input;
    int64_t dim;
    static constexpr std::array names{"input", "dim"};
  };
  static constexpr Keep kKeep = Keep::inputs<Args>("input");
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<ProdOthers>& b);
  static Cost cost(const Args& args);
};

struct FARRO_API ProdOthersBackward {
  static constexpr OpInfo info{.name = "prod_others_backward", .autocast = Autocast::full};
  static constexpr const char* no_backward = "where its gradient is wanted, prod_others_backward() composes the result";
  struct Args {
    const Tensor& grad;
    const Tensor& input;
    int64_t dim;
    static constexpr std::array names{"grad", "input", "dim"};
  };
  static TensorSpec infer(const Args& args);
  static Cost cost(const Args& args);
};

// out[i] = product of all input[j] with j != i along `dim`, and its gradient: what the gradient of prod is made of.
// Where the gradient's gradient is recorded it takes memory for n^2 values.
FARRO_API Tensor prod_others(const Tensor& input, int64_t dim);
FARRO_API Tensor prod_others_backward(const Tensor& grad, const Tensor& input, int64_t dim);

}  // namespace farro
