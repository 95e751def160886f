#include <farro/autograd/node/saved_tensor.h>

#include <farro/autograd/node/grad_mode.h>
#include <farro/autograd/node/node.h>

namespace farro {

namespace {

[[gnu::tls_model("initial-exec")]] thread_local detail::SavingScope* saving_scope = nullptr;

// The same elements in a record of their own: no history, no link to the tensor's later life.
Ref<TensorImpl> bare_record(const TensorImpl& from) {
  return Ref<TensorImpl>::adopt(
      new TensorImpl(from.storage, from.offset, from.sizes, from.strides, from.numel, from.dtype));
}

}  // namespace

detail::SavingScope::SavingScope() noexcept : previous_(saving_scope) { saving_scope = this; }
detail::SavingScope::~SavingScope() { saving_scope = previous_; }

SavedTensor::SavedTensor(const Tensor& input) {
  if (!input.defined()) return;
  FARRO_CHECK(!input.impl()->inference, AutogradError,
              "autograd: a tensor saved for backward must not come from inference_mode, got ", input,
              "; clone() it outside inference_mode first");
  const TensorImpl& impl = *input.impl();
  version_ = impl.storage->version();
  // An op that overwrote this input is about to become the tensor's history, which must not own itself. get() will
  // fail, for the value is gone.
  impl_ = inplace_recording_target() == &impl ? bare_record(impl) : Ref<TensorImpl>::share(input.impl());
  if (saving_scope) [[unlikely]]
    offer_to_scope();
}

SavedTensor SavedTensor::output(const Tensor& output, int output_nr) {
  const TensorImpl& from = *output.impl();
  SavedTensor saved;
  saved.impl_ = bare_record(from);
  saved.version_ = from.storage->version() + (inplace_recording_target() == &from);
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
