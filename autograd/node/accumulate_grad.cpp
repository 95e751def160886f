#include <farro/autograd/node/accumulate_grad.h>

#include <farro/autograd/node/grad_mode.h>

#include <cstdint>

namespace farro {

AccumulateGrad::AccumulateGrad(TensorImpl& leaf) : leaf_(&leaf), output_(leaf) {
  bind({}, {&output_, 1});
  set_sequence(UINT64_MAX);  // runs as soon as it is ready: gradients are reduced and memory is freed early
}

void AccumulateGrad::forget_leaf() noexcept {
  const std::lock_guard lock(mutex_);
  leaf_ = nullptr;
}

void AccumulateGrad::leaf_changed() noexcept {
  const std::lock_guard lock(mutex_);
  if (leaf_) output_ = OutputMeta(*leaf_);
}

Grads AccumulateGrad::apply(Grads&& grads) {
  Tensor grad = std::move(grads[0]);
  if (!grad.defined()) return {};
  const std::lock_guard lock(mutex_);
  if (!leaf_) return {};
  Ref<TensorImpl>& slot = leaf_->autograd_meta().grad;
  if (!slot) {
    // Keep the tensor itself where nobody else can see it; a gradient that something else shares is copied, since
    // optimizers and later backward() calls change grad() in place.
    const TensorImpl& impl = *grad.impl();
    const bool sole_owner = impl.use_count() == 1 && impl.storage->use_count() == 1;
    if (!grad_enabled() && !(sole_owner && impl.strides == leaf_->strides)) {
      Tensor copy = empty_like(Tensor(Ref<TensorImpl>::share(leaf_)));
      copy.copy_(grad);
      grad = copy;
    }
    slot = Ref<TensorImpl>::share(grad.impl());
  } else if (grad_enabled()) {
    slot = Ref<TensorImpl>::share((Tensor(slot) + grad).impl());
  } else {
    Tensor(slot).add_(grad);
  }
  return {};
}

AccumulateGrad& accumulator_of(TensorImpl& leaf) {
  return static_cast<AccumulateGrad&>(*leaf.autograd_meta().accumulator);
}

}  // namespace farro
