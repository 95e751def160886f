// SPDX-License-Identifier: Apache-2.0
// The op structs of the views. None has a kernel: a view is made of sizes, strides and an offset.
#pragma once

#include <farro/autograd/call/view.h>
#include <farro/core/api.h>

namespace farro {

// Other sizes over the same elements: view, squeeze, unsqueeze, flatten.
struct FARRO_API Reinterpret {
  static constexpr OpInfo info{.name = "view", .autocast = Autocast::none};
  static constexpr bool kView = true;
  struct Args {
    const Tensor& input;
    Shape sizes;
    Strides strides;
    static constexpr std::array names{"input", "sizes", "strides"};
  };
  static constexpr Keep kKeep = Keep::sizes<Args>("input");
  static ViewSpec geometry(const Args& args) { return {args.sizes, args.strides, args.input.storage_offset()}; }
  static Grads backward(const Back<Reinterpret>& b) { return {b.grad[0].reshape(b.args.input.sizes())}; }
  static Cost cost(const Args&) { return {}; }
};

struct FARRO_API Permute {
  static constexpr OpInfo info{.name = "permute", .autocast = Autocast::none};
  static constexpr bool kView = true;
  struct Args {
    const Tensor& input;
    Dims dims;
    static constexpr std::array names{"input", "dims"};
  };
  static ViewSpec geometry(const Args& args);
  static Grads backward(const Back<Permute>& b);
  static Cost cost(const Args&) { return {}; }
};

struct FARRO_API Expand {
  static constexpr OpInfo info{.name = "expand", .autocast = Autocast::none};
  static constexpr bool kView = true;
  struct Args {
    const Tensor& input;
    Shape sizes;
    static constexpr std::array names{"input", "sizes"};
  };
  static ViewSpec geometry(const Args& args);
  static Grads backward(const Back<Expand>& b) { return {b.grad[0]}; }  // the engine sums
  static Cost cost(const Args&) { return {}; }
};

// Elements start, start + step, ... (`length` of them) of one dimension.
struct FARRO_API Slice1d {
  static constexpr OpInfo info{.name = "slice", .autocast = Autocast::none};
  static constexpr bool kView = true;
  struct Args {
    const Tensor& input;
    int64_t dim, start, length, step;
    static constexpr std::array names{"input", "dim", "start", "length", "step"};
  };
  static constexpr Keep kKeep = Keep::sizes<Args>("input");
  static ViewSpec geometry(const Args& args);
  static Grads backward(const Back<Slice1d>& b);
  static Cost cost(const Args&) { return {}; }
};

// Zeros of `sizes` with `grad` at start, start + step, ... of a dimension: the gradient of a slice.
struct FARRO_API SliceBackward {
  static constexpr OpInfo info{.name = "slice_backward", .autocast = Autocast::none};
  struct Args {
    const Tensor& grad;
    Shape sizes;
    int64_t dim, start, step;
    static constexpr std::array names{"grad", "sizes", "dim", "start", "step"};
  };
  static constexpr Keep kKeep = Keep::sizes<Args>("grad");
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<SliceBackward>& b);
  static Cost cost(const Args& args);
};

}  // namespace farro
