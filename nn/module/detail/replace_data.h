// SPDX-License-Identifier: Apache-2.0
// Exchanges what a tensor record holds, so that every handle to it sees the new data: how a module moves to another
// device while optimizers keep their handles. Used by Module::to and the model summary.
#pragma once

#include <farro/core/tensor/tensor.h>

namespace farro::nn {

// Gives `target` the storage, strides, dtype and device of `source`, which has its sizes. No history, no version check.
void replace_data(const Tensor& target, const Tensor& source);

// A tensor's values, and those of its gradient, on another device or in another dtype; replace_data() puts them in.
struct Converted {
  Tensor target;
  Tensor data;
  Tensor grad;
};
Converted converted(const Tensor& target, Device device, DType dtype);
void replace_data(const Converted& made);

}  // namespace farro::nn
