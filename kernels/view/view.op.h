// The op structs of the views. None has a kernel: a view is made of sizes, strides and an offset.
#pragma once

#include <farro/autograd/call/view.h>

namespace farro {

// Other sizes over the same elements: view, squeeze, unsqueeze, flatten.
struct Reinterpret {
  static constexpr OpInfo info{.name = "view"};
  static constexpr bool kView = true;
  struct Args {
    const Tensor& input;
    Shape sizes;
    Strides strides;
    static constexpr std::array names{"input", "sizes", "strides"};
    auto fields() const { return std::tie(input, sizes, strides); }
  };
  struct Saved {
    Shape input_sizes;
  };
  static ViewSpec geometry(const Args& args) { return {args.sizes, args.strides, args.input.storage_offset()}; }
  static Saved save(const Args& args, const Outputs<Reinterpret>&, Need) { return {args.input.sizes()}; }
  static Grads backward(const Saved& saved, const Grads& grads, Need) { return {grads[0].reshape(saved.input_sizes)}; }
  static Cost cost(const Args&) { return {}; }
};

struct Permute {
  static constexpr OpInfo info{.name = "permute"};
  static constexpr bool kView = true;
  struct Args {
    const Tensor& input;
    Dims dims;
    static constexpr std::array names{"input", "dims"};
    auto fields() const { return std::tie(input, dims); }
  };
  struct Saved {
    Dims dims;
  };
  static ViewSpec geometry(const Args& args);
  static Saved save(const Args& args, const Outputs<Permute>&, Need) { return {args.dims}; }
  static Grads backward(const Saved& saved, const Grads& grads, Need);
  static Cost cost(const Args&) { return {}; }
};

struct Expand {
  static constexpr OpInfo info{.name = "expand"};
  static constexpr bool kView = true;
  struct Args {
    const Tensor& input;
    Shape sizes;
    static constexpr std::array names{"input", "sizes"};
    auto fields() const { return std::tie(input, sizes); }
  };
  struct Saved {};
  static ViewSpec geometry(const Args& args);
  static Saved save(const Args&, const Outputs<Expand>&, Need) { return {}; }
  static Grads backward(const Saved&, const Grads& grads, Need) { return {grads[0]}; }  // the engine sums
  static Cost cost(const Args&) { return {}; }
};

// Elements start, start + step, ... (`length` of them) of one dimension.
struct Slice1d {
  static constexpr OpInfo info{.name = "slice"};
  static constexpr bool kView = true;
  struct Args {
    const Tensor& input;
    int64_t dim, start, length, step;
    static constexpr std::array names{"input", "dim", "start", "length", "step"};
    auto fields() const { return std::tie(input, dim, start, length, step); }
  };
  struct Saved {
    Shape input_sizes;
    int64_t dim, start, step;
  };
  static ViewSpec geometry(const Args& args);
  static Saved save(const Args& args, const Outputs<Slice1d>&, Need) {
    return {args.input.sizes(), args.dim, args.start, args.step};
  }
  static Grads backward(const Saved& saved, const Grads& grads, Need);
  static Cost cost(const Args&) { return {}; }
};

// Zeros of `sizes` with `grad` at start, start + step, ... of a dimension: the gradient of a slice.
struct SliceBackward {
  static constexpr OpInfo info{.name = "slice_backward"};
  struct Args {
    const Tensor& grad;
    Shape sizes;
    int64_t dim, start, step;
    static constexpr std::array names{"grad", "sizes", "dim", "start", "step"};
    auto fields() const { return std::tie(grad, sizes, dim, start, step); }
  };
  struct Saved {
    int64_t dim, start, length, step;
  };
  static TensorSpec infer(const Args& args);
  static Saved save(const Args& args, const Outputs<SliceBackward>&, Need) {
    return {args.dim, args.start, args.grad.sizes()[static_cast<int>(args.dim)], args.step};
  }
  static Grads backward(const Saved& saved, const Grads& grads, Need);
  static Cost cost(const Args& args);
};

}  // namespace farro
