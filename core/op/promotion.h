// SPDX-License-Identifier: Apache-2.0
// PyTorch's type promotion over tensors: tensors with dimensions decide; 0-dim tensors count only where their category
// (bool < integer < floating) is higher, and C++ numbers only after those.
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>

namespace farro {

// Grows from bool over the integers to the floating types.
FARRO_API int category(DType dtype) noexcept;

FARRO_API DType result_type(const Tensor& a, const Tensor& b) noexcept;
FARRO_API DType result_type(TensorList tensors) noexcept;

// As result_type for functions that only exist on floating values: integers and bool become the default dtype.
FARRO_API DType floating_result_type(TensorList tensors) noexcept;

}  // namespace farro
