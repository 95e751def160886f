// SPDX-License-Identifier: Apache-2.0
// The dtype of a result from those of the inputs, by PyTorch's rules: tensors with dimensions outweigh those without,
// which outweigh plain numbers, unless the lesser one is of a higher category (bool, integer, floating).
#include <farro/core/op/promotion.h>

namespace farro {

namespace {

// Promotion within each of the three priorities; -1: none seen.
struct Priorities {
  int by_rank[3] = {-1, -1, -1};  // with dimensions, 0-dim, wrapped numbers

  void add(const TensorImpl& tensor) noexcept {
    int& slot = by_rank[tensor.wrapped_number ? 2 : tensor.sizes.empty() ? 1 : 0];
    slot =
        slot < 0 ? static_cast<int>(tensor.dtype) : static_cast<int>(promote(static_cast<DType>(slot), tensor.dtype));
  }
  DType result() const noexcept {
    int best = -1;
    for (int candidate : by_rank) {
      if (candidate < 0) continue;
      // A lower priority decides only where it is of a higher category: an integer tensor plus 0.5 is floating, an f32
      // tensor plus an f64 number stays f32.
      if (best < 0 || category(static_cast<DType>(candidate)) > category(static_cast<DType>(best))) best = candidate;
    }
    return best < 0 ? default_dtype() : static_cast<DType>(best);
  }
};

}  // namespace

int category(DType dtype) noexcept { return is_floating(dtype) ? 2 : dtype == DType::boolean ? 0 : 1; }

DType result_type(const Tensor& a, const Tensor& b) noexcept {
  const TensorImpl &x = *a.impl(), &y = *b.impl();
  if (x.dtype == y.dtype) return x.dtype;
  const Tensor both[] = {a, b};
  return result_type(both);
}

DType result_type(TensorList tensors) noexcept {
  Priorities priorities;
  for (const Tensor& tensor : tensors)
    if (tensor.defined()) priorities.add(*tensor.impl());
  return priorities.result();
}

DType floating_result_type(TensorList tensors) noexcept {
  const DType dtype = result_type(tensors);
  return is_floating(dtype) ? dtype : default_dtype();
}

}  // namespace farro
