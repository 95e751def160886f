// SPDX-License-Identifier: Apache-2.0
// Clipping of gradients by their norm and by value.
#include <farro/optim/clip/clip.h>

#include <farro/autograd/node/grad_mode.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/optim/optim.h>

#include <cmath>

namespace farro::optim {

namespace {

std::vector<Tensor> grads_of(TensorList params) {
  std::vector<Tensor> grads;
  grads.reserve(params.size());
  for (const Tensor& param : params)
    if (Tensor grad = param.grad(); grad.defined()) grads.push_back(std::move(grad));
  return grads;
}

}  // namespace

Tensor clip_grad_norm_(TensorList params, double max_norm, const ClipOptions& options) {
  FARRO_CHECK(max_norm >= 0, ValueError, "clip_grad_norm_: max_norm must be at least 0, got ", max_norm);
  const no_grad guard;
  const std::vector<Tensor> grads = grads_of(params);
  if (grads.empty()) return zeros({});
  // One norm of all gradients together, so that clipping keeps their direction.
  const Tensor norm = multi_tensor_norm(grads, options.norm_type);
  FARRO_CHECK(!options.error_if_nonfinite || std::isfinite(norm.item()), ValueError,
              "clip_grad_norm_: gradients must have a finite norm, got ", norm.item());
  clip_by_norm_(grads, norm, max_norm);
  return norm;
}

void clip_grad_value_(TensorList params, double limit) {
  FARRO_CHECK(limit >= 0, ValueError, "clip_grad_value_: limit must be at least 0, got ", limit);
  const no_grad guard;
  std::vector<Tensor> grads = grads_of(params);
  for (const Tensor& grad : grads)  // before any of them changes
    FARRO_CHECK(grad.is_contiguous() || overlapping_dim(grad.sizes(), grad.strides()) < 0, ValueError,
                "clip_grad_value_: gradients must not hold an element twice (an expanded view), got ", grad);
  for (Tensor& grad : grads) grad.clamp_(-limit, limit);
}

}  // namespace farro::optim
