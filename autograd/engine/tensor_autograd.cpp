// Tensor's autograd methods.
#include <farro/autograd/engine/engine.h>
#include <farro/autograd/node/accumulate_grad.h>
#include <farro/autograd/node/grad_mode.h>

namespace farro {

Tensor& Tensor::set_requires_grad(bool value) {
  TensorImpl& impl = record();
  FARRO_CHECK(is_leaf(), AutogradError, "set_requires_grad: tensor must be a leaf, got the result of ",
              static_cast<Node*>(impl.grad_fn.get())->name(), " (tensor: ", *this, ")");
  FARRO_CHECK(!value || is_floating(dtype()), DTypeError,
              "set_requires_grad: tensor must have a floating dtype, got ", *this);
  FARRO_CHECK(!value || !impl.inference, AutogradError,
              "set_requires_grad: tensor must not come from inference_mode, got ", *this);
  impl.requires_grad = value;
  // Made now, so that threads that share the leaf never race to make it.
  if (value && !impl.autograd_meta().accumulator)
    impl.autograd_meta().accumulator = Ref<GraphNode>::adopt(new AccumulateGrad(impl));
  return *this;
}

void Tensor::set_grad(const Tensor& grad) {
  TensorImpl& impl = record();
  if (!grad.defined()) {
    if (impl.meta) impl.meta->grad.reset();
    return;
  }
  FARRO_CHECK(grad.sizes() == sizes(), ShapeError, "set_grad: grad must have the tensor's shape ", sizes(), ", got ", grad);
  FARRO_CHECK(grad.dtype() == dtype(), DTypeError, "set_grad: grad must have the tensor's dtype ", dtype(), ", got ", grad);
  FARRO_CHECK(grad.device() == device(), DeviceError, "set_grad: grad must be on the tensor's device ", device(), ", got ", grad);
  impl.autograd_meta().grad = Ref<TensorImpl>::share(grad.impl());
}

void Tensor::backward(const Tensor& gradient, BackwardOptions options) const {
  if (!gradient.defined()) return farro::backward({this, 1}, {}, options);
  farro::backward({this, 1}, {&gradient, 1}, options);
}

uint64_t Tensor::register_hook(Hook hook) {
  FARRO_CHECK(requires_grad(), AutogradError, "register_hook: tensor must require a gradient, got ", *this);
  const Edge edge = gradient_edge(*this);
  NodeHooks& hooks = edge.node->make_hooks();
  const uint64_t id = hooks.next_id++;
  hooks.pre.push_back({id, edge.output, std::move(hook)});
  return id;
}

void Tensor::remove_hook(uint64_t id) {
  const Edge edge = gradient_edge(*this);
  if (edge.node && edge.node->hooks()) std::erase_if(edge.node->hooks()->pre, [&](const auto& pre) { return pre.id == id; });
}

Tensor& Tensor::retain_grad() {
  TensorImpl& impl = record();
  if (is_leaf() || impl.retains_grad) return *this;
  impl.retains_grad = true;
  AutogradMeta* meta = &impl.autograd_meta();
  // The record may be gone when the gradient arrives; the hook only writes while it is alive.
  auto alive = std::make_shared<AutogradMeta*>(meta);
  meta->retain_token = alive;
  register_hook([weak = std::weak_ptr(alive)](const Tensor& grad) {
    if (const auto slot = weak.lock()) (*slot)->grad = Ref<TensorImpl>::share(grad.detach().impl());
    return Tensor();
  });
  return *this;
}

}  // namespace farro
