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
  if (to.meta && to.meta->accumulator) accumulator_of(to).leaf_changed();
}

void convert_data(const Tensor& target, Device device, DType dtype) {
  if (target.device() == device && target.dtype() == dtype) return;
  const no_grad guard;
  const Tensor grad = target.grad();
  const Tensor moved = target.detach().to(device, dtype);
  const Tensor moved_grad = grad.defined() ? grad.to(device, dtype) : Tensor();
  replace_data(target, moved);
  Tensor(target).set_grad(moved_grad);
}

}  // namespace farro::nn
