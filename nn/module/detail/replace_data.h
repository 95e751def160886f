// Exchanges what a tensor record holds, so that every handle to it sees the new data: how a module moves to another
// device while optimizers keep their handles. Used by Module::to and the model summary.
#pragma once

#include <farro/core/tensor/tensor.h>

namespace farro::nn {

// Gives `target` the storage, strides, dtype and device of `source`, which has its sizes. No history, no version check.
void replace_data(const Tensor& target, const Tensor& source);

// replace_data with the tensor's own values on another device or in another dtype; its gradient goes along.
void convert_data(const Tensor& target, Device device, DType dtype);

}  // namespace farro::nn
