// The op structs of moments.h, for its kernels.
#pragma once

#include <farro/autograd/node/saved_tensor.h>
#include <farro/kernels/reduce/reduce_op.h>

namespace farro {

struct Var {
  static constexpr OpInfo info{.name = "var", .autocast = Autocast::full};
  struct Args {
    const Tensor& input;
    Dims dims;
    bool unbiased;
    bool keepdim;
    static constexpr std::array names{"input", "dims", "unbiased", "keepdim"};
    auto fields() const { return std::tie(input, dims, unbiased, keepdim); }
  };
  struct Saved {
    SavedTensor input;
    ReducedFrom from;
    bool unbiased = true;
  };
  static TensorSpec infer(const Args& args);
  static Saved save(const Args& args, const Outputs<Var>&, Need) {
    return {SavedTensor(args.input), {info.name, args.input, args.dims}, args.unbiased};
  }
  static Grads backward(const Saved& saved, const Grads& grads, Need);
  static Cost cost(const Args& args) {
    return reduce_cost({args.input, args.dims, args.keepdim}, 4, item_size(args.input.dtype()));
  }
};

// For 0 < p < infinity.
struct Norm {
  static constexpr OpInfo info{.name = "norm", .autocast = Autocast::full};
  struct Args {
    const Tensor& input;
    double p;
    Dims dims;
    bool keepdim;
    static constexpr std::array names{"input", "p", "dims", "keepdim"};
    auto fields() const { return std::tie(input, p, dims, keepdim); }
  };
  struct Saved {
    SavedTensor input, out;
    ReducedFrom from;
    double p = 2;
  };
  static TensorSpec infer(const Args& args);
  static Saved save(const Args& args, const Outputs<Norm>& out, Need) {
    return {SavedTensor(args.input), SavedTensor::output(out[0]), {info.name, args.input, args.dims}, args.p};
  }
  static Grads backward(const Saved& saved, const Grads& grads, Need);
  static Cost cost(const Args& args) {
    return reduce_cost({args.input, args.dims, args.keepdim}, 2, item_size(args.input.dtype()));
  }
};

struct LogSumExp {
  static constexpr OpInfo info{.name = "logsumexp", .autocast = Autocast::full};
  using Args = ReduceArgs;
  struct Saved {
    SavedTensor input, out;
    ReducedFrom from;
  };
  static TensorSpec infer(const Args& args);
  static Saved save(const Args& args, const Outputs<LogSumExp>& out, Need) {
    return {SavedTensor(args.input), SavedTensor::output(out[0]), {info.name, args.input, args.dims}};
  }
  static Grads backward(const Saved& saved, const Grads& grads, Need);
  static Cost cost(const Args& args) { return reduce_cost(args, 4, item_size(args.input.dtype())); }
};

}  // namespace farro
