// SPDX-License-Identifier: Apache-2.0
// The op structs of gather.h, for their kernels. All tensors have at least one dimension, and `dim` is not negative.
#pragma once

#include <farro/core/api.h>
#include <farro/core/op/op.h>

namespace farro {

struct FARRO_API Gather {
  static constexpr OpInfo info{.name = "gather", .autocast = Autocast::none};
  struct Args {
    const Tensor& input;
    int64_t dim;
    const Tensor& index;
    static constexpr std::array names{"input", "dim", "index"};
  };
  static constexpr Keep kKeep = Keep::inputs<Args>("index") | Keep::sizes<Args>("input");
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<Gather>& b);
  static Cost cost(const Args& args);
};

struct FARRO_API ScatterAdd {
  static constexpr OpInfo info{.name = "scatter_add"};
  struct Args {
    const Tensor& input;
    int64_t dim;
    const Tensor& index;
    const Tensor& src;  // of the index' sizes
    static constexpr std::array names{"input", "dim", "index", "src"};
  };
  static constexpr Keep kKeep = Keep::inputs<Args>("index");
  static Keep keep(const Args&, Need need) { return Keep::inputs<Args>("index").when(need[2]); }
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<ScatterAdd>& b);
  static Cost cost(const Args& args);
};

struct FARRO_API IndexSelect {
  static constexpr OpInfo info{.name = "index_select", .autocast = Autocast::none};
  using Args = Gather::Args;
  static constexpr Keep kKeep = Gather::kKeep;
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<IndexSelect>& b);
  static Cost cost(const Args& args);
};

struct FARRO_API IndexAdd {
  static constexpr OpInfo info{.name = "index_add"};
  using Args = ScatterAdd::Args;
  static constexpr Keep kKeep = ScatterAdd::kKeep;
  static Keep keep(const Args& args, Need need) { return ScatterAdd::keep(args, need); }
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<IndexAdd>& b);
  static Cost cost(const Args& args);
};

}  // namespace farro
