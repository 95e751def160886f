// SPDX-License-Identifier: Apache-2.0
// Dropout: zeros a part of the elements while training, and nothing afterwards.
#pragma once

#include <farro/core/api.h>
#include <farro/kernels/random/dropout.h>
#include <farro/nn/module/module.h>

namespace farro::nn {

struct DropoutOptions {
  double p = 0.5;
};

class FARRO_API Dropout final : public Module {
 public:
  using Options = DropoutOptions;
  // ValueError unless p is in [0, 1].
  Dropout(Parent parent, std::string_view name, const DropoutOptions& o = {}) : Module(parent, name), options(o) {
    FARRO_CHECK(o.p >= 0 && o.p <= 1, ValueError, "Dropout: p must be in [0, 1], got ", o.p);
  }
  Tensor forward(const Tensor& x) override { return dropout(x, options.p, is_training()); }

  const DropoutOptions options;
};

}  // namespace farro::nn
