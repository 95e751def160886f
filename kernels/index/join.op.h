// The op struct of join.h.
#pragma once

#include <farro/core/op/op.h>

namespace farro {

struct Cat {
  static constexpr OpInfo info{.name = "cat"};
  struct Args {
    TensorList tensors;
    int64_t dim;
    static constexpr std::array names{"tensors", "dim"};
    auto fields() const { return std::tie(tensors, dim); }
  };
  struct Saved {
    SmallVector<int64_t, 8> sizes;  // along dim; negative: passed over
    int64_t dim;
  };
  static TensorSpec infer(const Args& args);
  static Saved save(const Args& args, const Outputs<Cat>&, Need);
  static Grads backward(const Saved& saved, const Grads& grads, Need need);
  static Cost cost(const Args& args);
};

}  // namespace farro
