// SPDX-License-Identifier: Apache-2.0
// retain_grad(): a hook that keeps the gradient of a tensor that is no leaf.
#include <farro/autograd/node/retain_grad.h>
#include <farro/core/tensor/number.h>

#include <utility>

namespace farro {

void attach_retain_hook(TensorImpl& tensor) {
  AutogradMeta& meta = tensor.autograd_meta();
  // The hook does not keep it alive: it dies with the tensor, and with its place in `meta`.
  meta.retained_grad = std::make_shared<Ref<TensorImpl>>(std::move(meta.grad()));
  const auto keep = [weak = std::weak_ptr(meta.retained_grad)](const Tensor& grad) {
    const auto slot = weak.lock();
    if (!slot) return Tensor();
    // A copy: the gradient goes on its way and may be added to.
    *slot = Ref<TensorImpl>::share((*slot ? Tensor(*slot) + grad : grad.clone()).impl());
    return Tensor();
  };
  static_cast<Node&>(*tensor.grad_fn).make_hooks().retain.push_back({NodeHooks::new_id(), tensor.output_nr, keep});
}

Tensor& Tensor::retain_grad() {
  check_defined("retain_grad", "tensor", *this);
  FARRO_CHECK(requires_grad(), AutogradError, "retain_grad: tensor must require a gradient, got ", *this);
  TensorImpl& impl = record("retain_grad");
  // A leaf keeps its gradient anyway.
  if (is_leaf() || impl.retains_grad) return *this;
  gradient_edge(*this);  // brings a stale view's history up to date
  impl.retains_grad = true;
  attach_retain_hook(impl);
  return *this;
}

}  // namespace farro
