// SPDX-License-Identifier: Apache-2.0
// A tensor kept for backward. It notices when the data changed meanwhile. An input is kept as a snapshot, data with the
// history of that moment, and an output without its history, so that a node never owns itself, whatever later becomes
// of the tensor. Within recompute() the tensor is not kept at all but made again when it is needed.
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>

#include <utility>
#include <vector>

namespace farro {

class SavedTensor;

namespace detail {

// Stands for a tensor that is made when it is asked for.
class FARRO_API DeferredTensor : public RefCounted, public Pooled {
 public:
  virtual ~DeferredTensor() = default;
  virtual Tensor get() = 0;
};

// While one is installed on a thread, it sees every tensor that is saved there.
class FARRO_API SavingScope {
 public:
  SavingScope() noexcept;
  virtual ~SavingScope();
  SavingScope(const SavingScope&) = delete;
  SavingScope& operator=(const SavingScope&) = delete;
  // Null: keep it as it is. Otherwise the SavedTensor holds only what is returned.
  virtual Ref<DeferredTensor> saving(const SavedTensor& saved) = 0;

 private:
  SavingScope* previous_;
};

// While it lives, `target` is the tensor whose in-place change is being recorded: SavedTensor knows that its storage is
// about to change version, and copies the inputs that lie there.
class FARRO_API InplaceRecording {
 public:
  explicit InplaceRecording(const TensorImpl& target) noexcept;
  ~InplaceRecording();
  InplaceRecording(const InplaceRecording&) = delete;
  InplaceRecording& operator=(const InplaceRecording&) = delete;

  // Whether it lies in the target's storage.
  bool changes(const TensorImpl& tensor) const noexcept { return target_.storage == tensor.storage; }
  // The elements as they are now with the input's history; one copy, however often the op saves the input.
  Ref<TensorImpl> copy_of(const Tensor& input);

 private:
  const TensorImpl& target_;
  InplaceRecording* previous_;
  std::vector<std::pair<const TensorImpl*, Ref<TensorImpl>>> copies_;
};

}  // namespace detail

class FARRO_API SavedTensor {
 public:
  SavedTensor() noexcept = default;  // nothing saved: get() gives an undefined tensor
  // Keeps an input of the op, as a copy where the op is about to change its storage; throws AutogradError for a tensor
  // made under inference_mode.
  explicit SavedTensor(const Tensor& input);
  // Keeps output number `output_nr` of the op that is being recorded.
  static SavedTensor output(const Tensor& output, int output_nr = 0);

  // The tensor, with its history. Throws AutogradError if it was changed by an in-place operation since; called while
  // the node that saved it runs.
  Tensor get() const;
  bool defined() const noexcept { return impl_ || deferred_; }

  // For SavingScopes: what is kept, whether it is an output, and a copy without history.
  const Ref<TensorImpl>& record() const noexcept { return impl_; }
  bool is_output() const noexcept { return output_nr_ >= 0; }
  SavedTensor without_history() const;

 private:
  void offer_to_scope();
  Tensor get_checked() const;

  Ref<TensorImpl> impl_;
  Ref<detail::DeferredTensor> deferred_;  // instead of impl_
  uint32_t version_ = 0;
  int32_t output_nr_ = -1;  // of an output; negative for an input
};

}  // namespace farro
