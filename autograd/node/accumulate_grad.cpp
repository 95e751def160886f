// SPDX-License-Identifier: Apache-2.0
// The last node of a path: adds a gradient to its leaf's grad(). Under a lock, as several threads may walk graphs that
// share a leaf; the leaf is referred to, not owned, and says goodbye in forget_leaf().
#include <farro/autograd/node/accumulate_grad.h>

#include <farro/autograd/node/grad_mode.h>

#include <cstdint>

namespace farro {

namespace {

// A gradient lies in memory like its leaf, so that optimizers walk both alike.
Strides gradient_strides(const TensorImpl& leaf) noexcept {
  return is_channels_last(leaf.sizes, leaf.strides) ? leaf.strides : contiguous_strides(leaf.sizes);
}

// Whether nobody else sees the tensor, nor does it hold more memory than its elements.
bool may_keep(const TensorImpl& grad, const TensorImpl& leaf) noexcept {
  return grad.use_count() == 1 && grad.storage->use_count() == 1 && grad.strides == gradient_strides(leaf) &&
         grad.storage->bytes() == static_cast<size_t>(grad.numel) * item_size(grad.dtype);
}

}  // namespace

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
  if (!leaf_) return;
  output_ = OutputMeta(*leaf_);
  leaf_->autograd_meta().grad_buffer.reset();
}

bool AccumulateGrad::has_buffer() const {
  const std::lock_guard lock(mutex_);
  return leaf_ && leaf_->meta && leaf_->meta->grad_buffer;
}

void AccumulateGrad::set_buffer(const Tensor& buffer) {
  const std::lock_guard lock(mutex_);
  AutogradMeta& meta = leaf_->autograd_meta();
  if (!buffer.defined()) {
    meta.grad_buffer.reset();
    return;
  }
  FARRO_CHECK(buffer.sizes() == leaf_->sizes, ShapeError, "set_grad_buffer: buffer must have the leaf's shape ",
              leaf_->sizes, ", got ", buffer);
  FARRO_CHECK(buffer.dtype() == leaf_->dtype, DTypeError, "set_grad_buffer: buffer must have the leaf's dtype ",
              leaf_->dtype, ", got ", buffer);
  FARRO_CHECK(buffer.device() == leaf_->device, DeviceError, "set_grad_buffer: buffer must be on the leaf's device ",
              leaf_->device, ", got ", buffer);
  FARRO_CHECK(buffer.is_contiguous() || overlapping_dim(buffer.sizes(), buffer.strides()) < 0, ValueError,
              "set_grad_buffer: buffer must not hold an element twice (an expanded or overlapping view), got ", buffer);
  // A record of its own: no history, nor that of the tensor it is a view of.
  const Tensor place = buffer.detach();
  if (meta.grad()) {
    const no_grad guard;
    Tensor(place).copy_(Tensor(meta.grad()));
    // A gradient that is there already moves into the buffer.
    meta.grad() = Ref<TensorImpl>::share(place.impl());
  }
  meta.grad_buffer = Ref<TensorImpl>::share(place.impl());
}

Grads AccumulateGrad::apply(Grads&& grads) {
  Tensor grad = std::move(grads[0]);
  if (!grad.defined()) return {};
  const std::lock_guard lock(mutex_);
  if (!leaf_) return {};
  Ref<TensorImpl>& slot = leaf_->autograd_meta().grad();
  if (!slot && leaf_->meta->grad_buffer) {
    Tensor(leaf_->meta->grad_buffer).copy_(grad);
    slot = leaf_->meta->grad_buffer;
  } else if (!slot) {
    // Keep the tensor itself where nobody else can see it; a gradient that something else shares is copied, since
    // optimizers and later backward() calls change grad() in place.
    if (!grad_enabled() && !may_keep(*grad.impl(), *leaf_)) {
      // The leaf is described, not shared: another thread may be letting go of it right now.
      Tensor copy =
          empty_strided(leaf_->sizes, gradient_strides(*leaf_), {.dtype = leaf_->dtype, .device = leaf_->device});
      copy.copy_(grad);
      grad = copy;
    }
    slot = Ref<TensorImpl>::share(grad.impl());
  } else if (grad_enabled()) {
    // A new tensor: the old one may be part of a graph.
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
