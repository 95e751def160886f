#include <farro/autograd/node/saved_tensor.h>

#include <farro/autograd/node/grad_mode.h>
#include <farro/autograd/node/node.h>

namespace farro {

namespace {

[[gnu::tls_model("initial-exec")]] thread_local detail::SavingScope* saving_scope = nullptr;

[[gnu::tls_model("initial-exec")]] thread_local const TensorImpl* inplace_target = nullptr;

// The same elements in a record of their own: no history, no link to the tensor's later life.
Ref<TensorImpl> bare_record(const TensorImpl& from) {
  auto record = Ref<TensorImpl>::adopt(
      new TensorImpl(from.storage, from.offset, from.sizes, from.strides, from.numel, from.dtype));
  record->inference = from.inference;
  return record;
}

// Whether the tensor's elements are about to change.
bool is_being_changed(const TensorImpl& tensor) noexcept {
  return inplace_target && inplace_target->storage == tensor.storage;
}

}  // namespace

detail::InplaceRecording::InplaceRecording(const TensorImpl& target) noexcept { inplace_target = &target; }
detail::InplaceRecording::~InplaceRecording() { inplace_target = nullptr; }

detail::SavingScope::SavingScope() noexcept : previous_(saving_scope) { saving_scope = this; }
detail::SavingScope::~SavingScope() { saving_scope = previous_; }

SavedTensor::SavedTensor(const Tensor& input) {
  if (!input.defined()) return;
  FARRO_CHECK(!input.impl()->inference, AutogradError,
              "autograd: a tensor saved for backward must not come from inference_mode, got ", input,
              "; clone() it outside inference_mode first");
  const TensorImpl& impl = *input.impl();
  version_ = impl.storage->version();
  // An op that overwrites this input is about to become the history of all tensors over that storage, and must not own
  // itself through them. get() will fail, for the value is gone.
  impl_ = is_being_changed(impl) ? bare_record(impl) : Ref<TensorImpl>::share(input.impl());
  if (saving_scope) [[unlikely]]
    offer_to_scope();
}

SavedTensor SavedTensor::output(const Tensor& output, int output_nr) {
  const TensorImpl& from = *output.impl();
  SavedTensor saved;
  saved.impl_ = bare_record(from);
  saved.version_ = from.storage->version() + is_being_changed(from);
  saved.output_nr_ = output_nr;
  if (saving_scope) [[unlikely]]
    saved.offer_to_scope();
  return saved;
}

void SavedTensor::offer_to_scope() {
  deferred_ = saving_scope->saving(*this);
  if (deferred_) impl_.reset();
}

SavedTensor SavedTensor::without_history() const {
  SavedTensor copy = *this;
  if (impl_) copy.impl_ = bare_record(*impl_);
  copy.output_nr_ = -1;
  return copy;
}

Tensor SavedTensor::get() const {
  if (!defined()) return {};
  Tensor tensor = deferred_ ? deferred_->get() : Tensor(impl_);
  const Node* node = running_node();
  if (impl_ && impl_->storage->version() != version_) [[unlikely]] {
    const ScopeGuard scope(node ? node->scope() : current_scope());
    fail<AutogradError>(
        node ? node->name() : "autograd", ": a tensor saved for backward must not change, got ", tensor, " at version ",
        impl_->storage->version(), " where version ", version_,
        " was saved; an in-place operation changed it: use the out-of-place form, or clone() it before");
  }
  if (!is_output()) return tensor;
  tensor = Tensor(bare_record(*tensor.impl()));
  if (grad_enabled() && node)
    set_history(*tensor.impl(), Ref<Node>::share(running_node()), static_cast<uint32_t>(output_nr_));
  return tensor;
}

}  // namespace farro
