// SPDX-License-Identifier: Apache-2.0
// For optimizers written with tensor operations: collects new values and puts them in when all are there, so that a
// step that throws has changed nothing.
#pragma once

#include <farro/autograd/node/grad_mode.h>
#include <farro/core/tensor/tensor.h>

#include <utility>
#include <vector>

namespace farro::optim {

class Changes {
 public:
  // `target` will be `value`, which it gives back.
  Tensor set(const Tensor& target, const Tensor& value) {
    values_.emplace_back(target, value);
    return value;
  }
  void apply() {
    for (auto& [target, value] : values_) target.copy_(value);
  }

 private:
  const no_grad guard_;
  std::vector<std::pair<Tensor, Tensor>> values_;
};

}  // namespace farro::optim
