// SPDX-License-Identifier: Apache-2.0
// What the losses over class indices share.
#pragma once

#include <farro/core/op/tensor_spec.h>
#include <farro/kernels/loss/reduction.h>

namespace farro {

// Checks scores [N, C], target i64 [N] and weight [C] or undefined; `scores_name` is the argument's name in messages.
void check_class_shapes(const char* op, const char* scores_name, const Tensor& scores, const Tensor& target,
                        const Tensor& weight);
// A weight that is given is [classes] and of `dtype`.
void check_class_weight(const char* op, const Tensor& weight, int64_t classes, DType dtype);
// Every target is a class or `ignore_index`; throws IndexError with the first that is not. CPU tensors only.
void check_classes(const char* op, const Tensor& target, int64_t classes, int64_t ignore_index);

// Scores [N, C, d...] as rows [N * d..., C] with targets [N * d...], and the way back for an unreduced loss.
struct ClassRows {
  Tensor scores, target;
};
ClassRows class_rows(const char* op, const char* scores_name, const Tensor& scores, const Tensor& target);

// The shape of the loss of `rows` rows.
inline Shape loss_sizes(Reduction reduction, int64_t rows) {
  return reduction == Reduction::none ? Shape{rows} : Shape{};
}

}  // namespace farro
