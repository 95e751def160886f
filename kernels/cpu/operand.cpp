#include <farro/kernels/cpu/operand.h>

#include <farro/kernels/pointwise/copy.op.h>

namespace farro {

namespace {
DType widened(DType dtype) { return dtype == DType::f16 || dtype == DType::bf16 ? DType::f32 : dtype; }
}  // namespace

Tensor dense(const Tensor& t) {
  if (!t.defined() || (t.is_contiguous() && t.dtype() == widened(t.dtype()))) return t;
  Tensor copy = empty(t.sizes(), {.dtype = widened(t.dtype()), .device = t.device()});
  copy_elements(copy, t);
  return copy;
}

DenseResult::DenseResult(const Tensor& out) : out_(out), work_(out) {
  if (!out.is_contiguous() || out.dtype() != widened(out.dtype()))
    work_ = empty(out.sizes(), {.dtype = widened(out.dtype()), .device = out.device()});
}

void DenseResult::finish() const {
  if (!work_.is_same(out_)) copy_elements(out_, work_);
}

}  // namespace farro
