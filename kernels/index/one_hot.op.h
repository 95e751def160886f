// SPDX-License-Identifier: Apache-2.0
// The op struct of one_hot.h.
#pragma once

#include <farro/core/api.h>
#include <farro/core/op/op.h>

namespace farro {

struct FARRO_API OneHot {
  static constexpr OpInfo info{.name = "one_hot", .autocast = Autocast::none};
  static constexpr const char* no_backward = "it takes and gives integers";
  struct Args {
    const Tensor& index;
    int64_t num_classes;
    static constexpr std::array names{"index", "num_classes"};
  };
  static TensorSpec infer(const Args& args);
  static Cost cost(const Args& args);
};

}  // namespace farro
