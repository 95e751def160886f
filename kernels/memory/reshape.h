// SPDX-License-Identifier: Apache-2.0
// The arithmetic of reshaping.
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>

#include <optional>

namespace farro {

// `sizes` with a -1 replaced by what is left of the tensor's elements; throws ShapeError where they do not fit.
FARRO_API Shape resolve_sizes(const char* op, const Shape& sizes, const Tensor& tensor);

// Strides that walk the same elements in the same order with other sizes; none where only a copy could.
FARRO_API std::optional<Strides> view_strides(const Shape& from, const Strides& strides, const Shape& to);

}  // namespace farro
