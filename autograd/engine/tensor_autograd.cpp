// SPDX-License-Identifier: Apache-2.0
// Tensor's autograd methods.
#include <farro/autograd/engine/engine.h>
#include <farro/autograd/engine/grad_buffer.h>
#include <farro/autograd/engine/hooks.h>
#include <farro/autograd/node/accumulate_grad.h>
#include <farro/autograd/node/grad_mode.h>
#include <farro/core/tensor/number.h>

namespace farro {

const Ref<GraphNode>& Tensor::grad_fn() const {
  const TensorImpl& impl = record("grad_fn");
  if (impl.has_history()) gradient_edge(*this);  // brings a stale view's history up to date
  return impl.grad_fn;
}

Tensor& Tensor::set_requires_grad(bool value) {
  TensorImpl& impl = record("set_requires_grad");
  FARRO_CHECK(is_leaf(), AutogradError, "set_requires_grad: tensor must be a leaf, got the result of ",
              grad_fn()->name(), " (tensor: ", *this, ")");
  FARRO_CHECK(!value || is_floating(dtype()), DTypeError, "set_requires_grad: tensor must have a floating dtype, got ",
              *this);
  // Within the mode it harms nothing, so that modules can be made there.
  FARRO_CHECK(!value || !impl.inference || inference_mode_enabled(), AutogradError,
              "set_requires_grad: tensor must not come from inference_mode, got ", *this);
  impl.requires_grad = value;
  // Made now, so that threads that share the leaf never race to make it.
  if (value && !impl.autograd_meta().accumulator)
    impl.autograd_meta().accumulator = Ref<GraphNode>::adopt(new AccumulateGrad(impl));
  return *this;
}

void Tensor::set_grad(const Tensor& grad) {
  TensorImpl& impl = record("set_grad");
  if (!grad.defined()) {
    if (impl.meta) impl.meta->grad().reset();
    return;
  }
  FARRO_CHECK(grad.sizes() == sizes(), ShapeError, "set_grad: grad must have the tensor's shape ", sizes(), ", got ",
              grad);
  FARRO_CHECK(grad.dtype() == dtype(), DTypeError, "set_grad: grad must have the tensor's dtype ", dtype(), ", got ",
              grad);
  FARRO_CHECK(grad.device() == device(), DeviceError, "set_grad: grad must be on the tensor's device ", device(),
              ", got ", grad);
  AutogradMeta& meta = impl.autograd_meta();
  if (meta.grad_buffer) {
    const TensorImpl &to = *meta.grad_buffer, &from = *grad.impl();
    // Not where it lies in the buffer already.
    if (to.storage != from.storage || to.offset != from.offset || to.strides != from.strides) {
      const no_grad guard;
      Tensor(meta.grad_buffer).copy_(grad);
    }
    meta.grad() = meta.grad_buffer;
  } else {
    meta.grad() = Ref<TensorImpl>::share(grad.impl());
  }
}

void set_grad_buffer(const Tensor& leaf, const Tensor& buffer) {
  FARRO_CHECK(leaf.is_leaf() && leaf.requires_grad(), AutogradError,
              "set_grad_buffer: leaf must be a leaf that requires a gradient, got ", leaf);
  accumulator_of(*leaf.impl()).set_buffer(buffer);
}

Tensor grad_buffer(const Tensor& leaf) {
  const TensorImpl* impl = leaf.impl();
  return impl && impl->meta ? Tensor(impl->meta->grad_buffer) : Tensor();
}

void Tensor::backward(const Tensor& gradient, BackwardOptions options) const {
  check_defined("backward", "tensor", *this);
  if (!gradient.defined()) return farro::backward({this, 1}, {}, options);
  farro::backward({this, 1}, {&gradient, 1}, options);
}

uint64_t Tensor::register_hook(Hook hook) {
  check_defined("register_hook", "tensor", *this);
  FARRO_CHECK(hook, ValueError, "register_hook: hook must be a function, got an empty one");
  FARRO_CHECK(requires_grad(), AutogradError, "register_hook: tensor must require a gradient, got ", *this);
  const Edge edge = gradient_edge(*this);
  const uint64_t id = NodeHooks::new_id();
  edge.node->make_hooks().pre.push_back({id, edge.output, std::move(hook)});
  return id;
}

void Tensor::remove_hook(uint64_t id) {
  check_defined("remove_hook", "tensor", *this);
  // It may have been turned off since the hook was registered.
  if (!requires_grad()) return;
  const Edge edge = gradient_edge(*this);
  if (edge.node && edge.node->hooks())
    std::erase_if(edge.node->hooks()->pre, [&](const auto& hook) { return hook.id == id; });
}

uint64_t register_post_accumulate_hook(const Tensor& leaf, std::function<void()> hook) {
  check_defined("register_post_accumulate_hook", "leaf", leaf);
  FARRO_CHECK(hook, ValueError, "register_post_accumulate_hook: hook must be a function, got an empty one");
  FARRO_CHECK(leaf.is_leaf() && leaf.requires_grad(), AutogradError,
              "register_post_accumulate_hook: tensor must be a leaf that requires a gradient, got ", leaf);
  const uint64_t id = NodeHooks::new_id();
  accumulator_of(*leaf.impl()).make_hooks().post.push_back({id, std::move(hook)});
  return id;
}

void remove_post_accumulate_hook(const Tensor& leaf, uint64_t id) {
  FARRO_CHECK(leaf.defined(), ValueError,
              "remove_post_accumulate_hook: leaf must be a defined tensor, got an undefined one");
  const TensorImpl& impl = *leaf.impl();
  if (!impl.meta || !impl.meta->accumulator) return;
  NodeHooks* hooks = static_cast<AccumulateGrad&>(*impl.meta->accumulator).hooks();
  if (hooks) std::erase_if(hooks->post, [&](const auto& hook) { return hook.id == id; });
}

}  // namespace farro
