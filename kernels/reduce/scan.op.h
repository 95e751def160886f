// The op structs of scan.h, for its kernels.
#pragma once

#include <farro/autograd/node/saved_tensor.h>
#include <farro/kernels/reduce/reduce_op.h>

namespace farro {

// Over one dimension; prod() arranges the others.
struct Prod {
  static constexpr OpInfo info{.name = "prod", .autocast = Autocast::full};
  using Args = ReduceArgs;
  struct Saved {
    SavedTensor input;
    ReducedFrom from;
  };
  static TensorSpec infer(const Args& args);
  static Saved save(const Args& args, const Outputs<Prod>&, Need) {
    return {SavedTensor(args.input), {info.name, args.input, args.dims}};
  }
  static Grads backward(const Saved& saved, const Grads& grads, Need);
  static Cost cost(const Args& args) { return reduce_cost(args, 1, item_size(sum_dtype(args.input.dtype()))); }
};

struct CumSum {
  static constexpr OpInfo info{.name = "cumsum", .autocast = Autocast::full};
  struct Args {
    const Tensor& input;
    int64_t dim;
    bool reverse;  // sums from the end
    static constexpr std::array names{"input", "dim", "reverse"};
    auto fields() const { return std::tie(input, dim, reverse); }
  };
  struct Saved {
    int64_t dim = 0;
    bool reverse = false;
  };
  static TensorSpec infer(const Args& args);
  static Saved save(const Args& args, const Outputs<CumSum>&, Need) { return {args.dim, args.reverse}; }
  static Grads backward(const Saved& saved, const Grads& grads, Need);
  static Cost cost(const Args& args);
};

struct ProdOthers {
  static constexpr OpInfo info{.name = "prod_others", .autocast = Autocast::full};
  struct Args {
    const Tensor& input;
    int64_t dim;
    static constexpr std::array names{"input", "dim"};
    auto fields() const { return std::tie(input, dim); }
  };
  struct Saved {
    SavedTensor input;
    int64_t dim = 0;
  };
  static TensorSpec infer(const Args& args);
  static Saved save(const Args& args, const Outputs<ProdOthers>&, Need) { return {SavedTensor(args.input), args.dim}; }
  static Grads backward(const Saved& saved, const Grads& grads, Need);
  static Cost cost(const Args& args);
};

struct ProdOthersBackward {
  static constexpr OpInfo info{.name = "prod_others_backward", .autocast = Autocast::full};
  static constexpr const char* no_backward = "where its gradient is wanted, prod_others_backward() composes the result";
  struct Args {
    const Tensor& grad;
    const Tensor& input;
    int64_t dim;
    static constexpr std::array names{"grad", "input", "dim"};
    auto fields() const { return std::tie(grad, input, dim); }
  };
  static TensorSpec infer(const Args& args);
  static Cost cost(const Args& args);
};

}  // namespace farro
