// SPDX-License-Identifier: Apache-2.0
// Gradients brought into the form of the output that they belong to: device, shape (sums over what was broadcast) and
// dtype; and exact checks for those that users return.
#include <farro/autograd/engine/validate.h>

namespace farro::detail {

namespace {

bool broadcasts_from(const Shape& to, const Shape& from) {
  const int lead = to.size() - from.size();
  if (lead < 0) return false;
  for (int i = 0; i < from.size(); ++i)
    if (from[i] != to[lead + i] && from[i] != 1) return false;
  return true;
}

Tensor sum_to_shape(const Tensor& grad, const Shape& sizes) {
  const int lead = grad.dim() - sizes.size();
  Dims dims;
  for (int i = 0; i < grad.dim(); ++i)
    if (i < lead || (sizes[i - lead] == 1 && grad.sizes()[i] != 1)) dims.push_back(i);
  Tensor sum = grad.sum(dims, /*keepdim=*/true);
  return lead ? sum.reshape(sizes) : sum;
}

}  // namespace

Tensor fit_gradient(const Node& node, uint32_t output, Tensor grad) {
  const OutputMeta& expected = node.outputs()[output];
  const TensorImpl& got = *grad.impl();
  if (got.sizes == expected.sizes && got.dtype == expected.dtype && got.device == expected.device) [[likely]]
    return grad;
  const ScopeGuard scope(node.scope());
  FARRO_CHECK(got.device == expected.device || got.sizes.empty(), DeviceError, node.name(),
              ": gradient must be on the output's device ", expected.device, ", got ", grad);
  // A gradient without dimensions may come from a CPU number.
  if (got.device != expected.device) grad = grad.to(expected.device);
  if (grad.sizes() != expected.sizes) {
    FARRO_CHECK(broadcasts_from(grad.sizes(), expected.sizes), ShapeError, node.name(),
                ": gradient must have the output's shape ", expected.sizes, " or one broadcast from it, got ", grad);
    grad = sum_to_shape(grad, expected.sizes);
  }
  return grad.dtype() == expected.dtype ? grad : grad.to(expected.dtype);
}

void check_exact_gradient(const char* op, const char* who, const OutputMeta& expected, const Tensor& grad) {
  FARRO_CHECK(grad.sizes() == expected.sizes, ShapeError, op, ": ", who, " must return a gradient of shape ",
              expected.sizes, ", got ", grad);
  FARRO_CHECK(grad.dtype() == expected.dtype, DTypeError, op, ": ", who, " must return a gradient of dtype ",
              expected.dtype, ", got ", grad);
  FARRO_CHECK(grad.device() == expected.device, DeviceError, op, ": ", who, " must return a gradient on ",
              expected.device, ", got ", grad);
}

void check_no_nan(const Node& node, const Grads& results) {
  for (size_t i = 0; i < results.size(); ++i) {
    if (!results[i].defined() || !is_floating(results[i].dtype())) continue;
    const Tensor value = results[i].detach();
    FARRO_CHECK(!(value != value).any().item<bool>(), AutogradError, node.name(),
                ": backward must not produce NaN, got NaN in the gradient of input ", i, " (", results[i], ")");
  }
}

}  // namespace farro::detail
