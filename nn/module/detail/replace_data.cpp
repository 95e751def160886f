// SPDX-License-Identifier: Apache-2.0
// Exchanges what a tensor record refers to, in place: every handle of a parameter sees the module's move to another
// device or dtype.
#include <farro/nn/module/detail/replace_data.h>

#include <farro/autograd/node/accumulate_grad.h>
#include <farro/autograd/node/grad_mode.h>

namespace farro::nn {

void replace_data(const Tensor& target, const Tensor& source) {
  TensorImpl& to = *target.impl();
  const TensorImpl& from = *source.impl();
  FARRO_ASSERT(to.sizes == from.sizes);
  to.storage = from.storage;
  to.offset = from.offset;
  to.strides = from.strides;
  to.contiguous = from.contiguous;
  to.dtype = from.dtype;
  to.device = from.device;
  to.drop_snapshot();  // of the former data
  // The accumulator expects gradients of the new dtype and device.
  if (to.meta && to.meta->accumulator) accumulator_of(to).leaf_changed();
}

Converted converted(const Tensor& target, Device device, DType dtype) {
  const no_grad guard;
  const Tensor grad = target.grad();
  return {target, target.detach().to(device, dtype), grad.defined() ? grad.to(device, dtype) : Tensor()};
}

void replace_data(const Converted& made) {
  replace_data(made.target, made.data);
  Tensor(made.target).set_grad(made.grad);
}

}  // namespace farro::nn
