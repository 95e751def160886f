// A tensor kept for backward. It notices when the data changed meanwhile, and an output is kept without its history, so
// that a node never owns itself.
#pragma once

#include <farro/core/tensor/tensor.h>

namespace farro {

class SavedTensor {
 public:
  SavedTensor() noexcept = default;  // nothing saved: get() gives an undefined tensor
  // Keeps an input of the op; throws AutogradError for a tensor made under inference_mode.
  explicit SavedTensor(const Tensor& input);
  // Keeps output number `output_nr` of the op that is being recorded.
  static SavedTensor output(const Tensor& output, int output_nr = 0);

  // The tensor, with its history. Throws AutogradError if it was changed by an in-place operation since; called while
  // the node that saved it runs.
  Tensor get() const;
  bool defined() const noexcept { return static_cast<bool>(impl_); }

 private:
  Ref<TensorImpl> impl_;
  uint32_t version_ = 0;
  int32_t output_nr_ = -1;  // of an output; negative for an input
};

}  // namespace farro
