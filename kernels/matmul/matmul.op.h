// SPDX-License-Identifier: Apache-2.0
// The op structs of matmul.h, for its kernels.
#pragma once

#include <farro/core/api.h>
#include <farro/core/op/op.h>

namespace farro {

// [..., m, k] x [..., k, n], batches broadcast.
struct FARRO_API Matmul {
  static constexpr OpInfo info{.name = "matmul", .autocast = Autocast::half};
  struct Args {
    const Tensor& a;
    const Tensor& b;
    static constexpr std::array names{"a", "b"};
  };
  // Of what is not needed, the sizes: they say which matrices are shared by batches.
  static constexpr Keep kKeep = Keep::inputs<Args>("a", "b") | Keep::sizes<Args>("a", "b");
  static Keep keep(const Args&, Need need) {
    return Keep::sizes<Args>("a", "b") | Keep::inputs<Args>("a").when(need[1]) | Keep::inputs<Args>("b").when(need[0]);
  }
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<Matmul>& b);
  static Cost cost(const Args& args);
};

struct FARRO_API Linear {
  static constexpr OpInfo info{.name = "linear", .autocast = Autocast::half};
  struct Args {
    const Tensor& x;
    const Tensor& weight;
    const Tensor& bias;
    static constexpr std::array names{"x", "weight", "bias?"};
  };
  static constexpr Keep kKeep = Keep::inputs<Args>("x", "weight");
  static Keep keep(const Args&, Need need) {
    return Keep::inputs<Args>("x").when(need[1]) | Keep::inputs<Args>("weight").when(need[0]);
  }
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<Linear>& b);
  static Cost cost(const Args& args);
};

}  // namespace farro
