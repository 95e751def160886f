// SPDX-License-Identifier: Apache-2.0
// The op structs of rearrange.h, for their kernels.
#pragma once

#include <farro/core/api.h>
#include <farro/core/op/op.h>

namespace farro {

struct FARRO_API Tril {
  static constexpr OpInfo info{.name = "tril", .autocast = Autocast::none};
  struct Args {
    const Tensor& input;
    int64_t diagonal;
    static constexpr std::array names{"input", "diagonal"};
  };
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<Tril>& b);
  static Cost cost(const Args& args);
};

struct FARRO_API Triu {
  static constexpr OpInfo info{.name = "triu", .autocast = Autocast::none};
  using Args = Tril::Args;
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<Triu>& b);
  static Cost cost(const Args& args);
};

struct FARRO_API Flip {
  static constexpr OpInfo info{.name = "flip", .autocast = Autocast::none};
  struct Args {
    const Tensor& input;
    Dims dims;  // not negative
    static constexpr std::array names{"input", "dims"};
  };
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<Flip>& b);
  static Cost cost(const Args& args);
};

}  // namespace farro
