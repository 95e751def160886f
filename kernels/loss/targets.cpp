// SPDX-License-Identifier: Apache-2.0
// Checks that the losses over classes share, and the form in which their kernels see scores: [rows, classes].
#include <farro/kernels/loss/targets.h>

namespace farro {

void check_class_shapes(const char* op, const char* scores_name, const Tensor& scores, const Tensor& target,
                        const Tensor& weight) {
  FARRO_CHECK(is_floating(scores.dtype()), DTypeError, op, ": ", scores_name, " must be floating, got ", scores.dtype(),
              " (", scores_name, ": ", scores, ")");
  FARRO_CHECK(target.dtype() == DType::i64, DTypeError, op, ": target must be class indices of dtype i64, got ",
              target.dtype(), " (target: ", target, ")");
  FARRO_CHECK(scores.dim() == 2 && target.dim() == 1 && scores.sizes()[0] == target.sizes()[0], ShapeError, op,
              ": target must have one entry for each row of ", scores_name, ", got target: ", target, ", ", scores_name,
              ": ", scores);
  const int64_t classes = scores.sizes()[1];
  FARRO_CHECK(classes > 0 || scores.sizes()[0] == 0, ShapeError, op, ": ", scores_name,
              " must have at least one class, got ", scores);
  check_class_weight(op, weight, classes, scores.dtype());
}

void check_class_weight(const char* op, const Tensor& weight, int64_t classes, DType dtype) {
  FARRO_CHECK(!weight.defined() || (weight.sizes() == Shape{classes} && weight.dtype() == dtype), ShapeError, op,
              ": weight must have one entry for each of ", classes, " classes in dtype ", dtype, ", got ", weight);
}

void check_classes(const char* op, const Tensor& target, int64_t classes, int64_t ignore_index) {
  const int64_t* y = static_cast<const int64_t*>(target.raw_data());
  const int64_t stride = target.strides()[0];
  for (int64_t i = 0; i < target.numel(); ++i) {
    const int64_t value = y[i * stride];
    FARRO_CHECK((value >= 0 && value < classes) || value == ignore_index, IndexError, op, ": target must be in [0, ",
                classes, ") or ignore_index (", ignore_index, "), got ", value, " at position ", i,
                " (target: ", target, ")");
  }
}

ClassRows class_rows(const char* op, const char* scores_name, const Tensor& scores, const Tensor& target) {
  const int rank = scores.dim();
  if (rank == 2) return {scores, target};  // what does not fit is said by infer
  FARRO_CHECK(rank >= 1, ShapeError, op, ": ", scores_name, " must have a dimension of classes, got ", scores);
  Shape expected = scores.sizes();
  // Classes are dimension 1, as in PyTorch: [N, C, ...], or [C] of a single sample.
  expected.erase(rank == 1 ? 0 : 1);
  FARRO_CHECK(target.sizes() == expected, ShapeError, op, ": target must have shape ", expected, " for ", scores_name,
              " ", scores.sizes(), ", got ", target);
  if (rank == 1) return {scores.unsqueeze(0), target.unsqueeze(0)};
  Dims order;
  for (int i = 0; i < rank; ++i)
    if (i != 1) order.push_back(i);
  order.push_back(1);
  return {scores.permute(order).reshape({target.numel(), scores.sizes()[1]}), target.reshape({target.numel()})};
}

}  // namespace farro
