// SPDX-License-Identifier: Apache-2.0
// Tensors that nodes keep for backward, with the version of their storage at that time: an input as a snapshot with its
// history, an output without, so that no node owns itself (docs/architecture.md).
#include <farro/autograd/node/saved_tensor.h>

#include <farro/autograd/node/grad_mode.h>
#include <farro/autograd/node/node.h>

namespace farro {

namespace {

[[gnu::tls_model("initial-exec")]] thread_local detail::SavingScope* saving_scope = nullptr;

[[gnu::tls_model("initial-exec")]] thread_local detail::InplaceRecording* inplace = nullptr;

// The same elements in a record of their own: no history, no link to the tensor's later life.
Ref<TensorImpl> bare_record(const TensorImpl& from) {
  auto record = Ref<TensorImpl>::adopt(
      new TensorImpl(from.storage, from.offset, from.sizes, from.strides, from.numel, from.dtype));
  record->inference = from.inference;
  return record;
}

Ref<TensorImpl> make_snapshot(const TensorImpl& from) {
  auto record = bare_record(from);
  record->is_snapshot = true;
  record->wrapped_number = from.wrapped_number;
  record->no_grad_view = from.no_grad_view;
  record->grad_fn = from.grad_fn;
  record->output_nr = from.output_nr;
  record->requires_grad = from.requires_grad;
  if (from.requires_grad) record->autograd_meta().accumulator = from.meta->accumulator;
  return record;
}

// Brings a stale view's history up to date.
void refresh(const Tensor& tensor) {
  const TensorImpl& impl = *tensor.impl();
  if (impl.base && impl.view_version != impl.storage->version()) [[unlikely]]
    gradient_edge(tensor);
}

// The tensor's snapshot. A C++ number's record is shared: nobody can change it in place.
Ref<TensorImpl> snapshot_of(const Tensor& input) {
  TensorImpl& impl = *input.impl();
  if (impl.wrapped_number || impl.is_snapshot) return Ref<TensorImpl>::share(&impl);
  refresh(input);
  if (TensorImpl* kept = impl.snapshot.load(std::memory_order_acquire)) {
    if (kept->storage == impl.storage && kept->grad_fn == impl.grad_fn && kept->output_nr == impl.output_nr &&
        kept->requires_grad == impl.requires_grad) [[likely]]
      return Ref<TensorImpl>::share(kept);
    impl.drop_snapshot();
  }
  auto made = make_snapshot(impl);
  // Threads may save one tensor at once: the first one's is the tensor's.
  TensorImpl* none = nullptr;
  if (impl.snapshot.compare_exchange_strong(none, made.get(), std::memory_order_acq_rel)) Ref<TensorImpl>(made).leak();
  return made;
}

}  // namespace

detail::InplaceRecording::InplaceRecording(const TensorImpl& target) noexcept : target_(target), previous_(inplace) {
  inplace = this;
}
detail::InplaceRecording::~InplaceRecording() { inplace = previous_; }

Ref<TensorImpl> detail::InplaceRecording::copy_of(const Tensor& input) {
  for (const auto& [of, copy] : copies_)
    if (of == input.impl()) return copy;
  refresh(input);
  const no_grad unrecorded;
  const Tensor elements = input.clone();  // a call like any other: who records calls must see it
  auto copy = make_snapshot(*input.impl());
  copy->storage = elements.storage();
  copy->offset = 0;
  copy->strides = elements.strides();
  copy->contiguous = elements.is_contiguous();
  copies_.emplace_back(input.impl(), copy);
  return copy;
}

detail::SavingScope::SavingScope() noexcept : previous_(saving_scope) { saving_scope = this; }
detail::SavingScope::~SavingScope() { saving_scope = previous_; }

SavedTensor::SavedTensor(const Tensor& input) {
  if (!input.defined()) return;
  FARRO_CHECK(!input.impl()->inference, AutogradError,
              "autograd: a tensor saved for backward must not come from inference_mode, got ", input,
              "; clone() it outside inference_mode first");
  // Also a part that this change spares: the next one of the storage, as in a loop over the rows of a buffer, may not.
  impl_ = inplace && inplace->changes(*input.impl()) ? inplace->copy_of(input) : snapshot_of(input);
  version_ = impl_->storage->version();
  if (saving_scope) [[unlikely]]
    offer_to_scope();
}

SavedTensor SavedTensor::output(const Tensor& output, int output_nr) {
  const TensorImpl& from = *output.impl();
  SavedTensor saved;
  saved.impl_ = bare_record(from);
  // The in-place op that saves its own result bumps the version after this.
  saved.version_ = from.storage->version() + (inplace && inplace->changes(from));
  saved.output_nr_ = output_nr;
  if (saving_scope) [[unlikely]]
    saved.offer_to_scope();
  return saved;
}

void SavedTensor::offer_to_scope() {
  // recompute() takes the tensor's place here, where it lets go of it.
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
  if (impl_ && output_nr_ < 0 && impl_->storage->version() == version_) [[likely]]
    return Tensor(impl_);
  return get_checked();
}

Tensor SavedTensor::get_checked() const {
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
