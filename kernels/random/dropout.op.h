// SPDX-License-Identifier: Apache-2.0
// The op struct of dropout.h, for its kernels.
#pragma once

#include <farro/core/api.h>
#include <farro/core/op/op.h>
#include <farro/core/random/generator.h>

namespace farro {

// Linear in x with a diagonal matrix, so the gradient is the same op with the same random blocks applied to the
// gradient. Drawing the mask again costs 1 ns an element on one CPU core (AVX2) and no memory; saving it costs a byte
// an element for as long as the graph lives, and its traffic twice.
struct FARRO_API Dropout {
  static constexpr OpInfo info{.name = "dropout", .autocast = Autocast::none};
  struct Args {
    const Tensor& x;
    double p;
    PhiloxState random;
    const Tensor& offset;  // see reserve_random.op.h
    static constexpr std::array names{"x", "p", "random", "offset?"};
  };
  static constexpr Keep kKeep = Keep::inputs<Args>("offset");
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<Dropout>& b);
  static Cost cost(const Args& args);
};

}  // namespace farro
