// Tensor's autograd methods.
#include <farro/autograd/engine/engine.h>
#include <farro/autograd/engine/hooks.h>
#include <farro/autograd/node/accumulate_grad.h>
#include <farro/autograd/node/grad_mode.h>

namespace farro {

Tensor& Tensor::set_requires_grad(bool value) {
  TensorImpl& impl = record();
  FARRO_CHECK(is_leaf(), AutogradError, "set_requires_grad: tensor must be a leaf, got the result of ",
              static_cast<Node*>(impl.grad_fn.get())->name(), " (tensor: ", *this, ")");
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
  TensorImpl& impl = record();
  if (!grad.defined()) {
    if (impl.meta) impl.meta->grad.reset();
    return;
  }
  FARRO_CHECK(grad.sizes() == sizes(), ShapeError, "set_grad: grad must have the tensor's shape ", sizes(), ", got ",
              grad);
  FARRO_CHECK(grad.dtype() == dtype(), DTypeError, "set_grad: grad must have the tensor's dtype ", dtype(), ", got ",
              grad);
  FARRO_CHECK(grad.device() == device(), DeviceError, "set_grad: grad must be on the tensor's device ", device(),
              ", got ", grad);
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
  if (edge.node && edge.node->hooks())
    std::erase_if(edge.node->hooks()->pre, [&](const auto& hook) { return hook.id == id; });
}

uint64_t register_post_accumulate_hook(const Tensor& leaf, std::function<void()> hook) {
  FARRO_CHECK(leaf.is_leaf() && leaf.requires_grad(), AutogradError,
              "register_post_accumulate_hook: tensor must be a leaf that requires a gradient, got ", leaf);
  NodeHooks& hooks = accumulator_of(*leaf.impl()).make_hooks();
  const uint64_t id = hooks.next_id++;
  hooks.post.push_back({id, std::move(hook)});
  return id;
}

void remove_post_accumulate_hook(const Tensor& leaf, uint64_t id) {
  const TensorImpl& impl = *leaf.impl();
  if (!impl.meta || !impl.meta->accumulator) return;
  NodeHooks* hooks = static_cast<AccumulateGrad&>(*impl.meta->accumulator).hooks();
  if (hooks) std::erase_if(hooks->post, [&](const auto& hook) { return hook.id == id; });
}

void attach_retain_hook(TensorImpl& tensor) {
  AutogradMeta& meta = tensor.autograd_meta();
  // The tensor may be gone when the gradient arrives; the hook only writes while its token is alive.
  const auto token = std::make_shared<AutogradMeta*>(&meta);
  meta.retain_token = token;
  const auto keep = [weak = std::weak_ptr(token)](const Tensor& grad) {
    const auto alive = weak.lock();
    if (!alive) return Tensor();
    Ref<TensorImpl>& slot = (*alive)->grad;
    // A copy: the gradient goes on its way and may be added to.
    slot = Ref<TensorImpl>::share((slot ? Tensor(slot) + grad : grad.clone()).impl());
    return Tensor();
  };
  NodeHooks& hooks = static_cast<Node&>(*tensor.grad_fn).make_hooks();
  hooks.retain.push_back({hooks.next_id++, tensor.output_nr, keep});
}

Tensor& Tensor::retain_grad() {
  FARRO_CHECK(requires_grad(), AutogradError, "retain_grad: tensor must require a gradient, got ", *this);
  TensorImpl& impl = record();
  if (is_leaf() || impl.retains_grad) return *this;
  gradient_edge(*this);  // brings a stale view's history up to date
  impl.retains_grad = true;
  attach_retain_hook(impl);
  return *this;
}

}  // namespace farro
