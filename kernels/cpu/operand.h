// How CPU kernels that are written for dense f32 and f64 values get at tensors of any layout and floating dtype: half
// types are widened to f32 on the way in and rounded on the way out. Nothing here is recorded by autograd.
#pragma once

#include <farro/core/tensor/tensor.h>

namespace farro {

// `t` row-major in f32 or f64 (integers keep their dtype); itself where it already is, undefined where it is.
Tensor dense(const Tensor& t);

// Dense memory for a result. finish() brings it into the output if it had to be another tensor.
class DenseResult {
 public:
  explicit DenseResult(const Tensor& out);
  const Tensor& tensor() const noexcept { return work_; }
  void finish() const;

 private:
  const Tensor& out_;
  Tensor work_;
};

// Typed access without the check of Tensor::data(): T is known from the dtype.
template <class T>
inline T* data_of(const Tensor& t) {
  return t.defined() ? static_cast<T*>(t.raw_data()) : nullptr;
}

}  // namespace farro
