// SPDX-License-Identifier: Apache-2.0
// PyTorch's type promotion over tensors: tensors with dimensions decide; 0-dim tensors count only where their category
// (bool < integer < floating) is higher, and C++ numbers only after those.
#pragma once

#include <farro/core/tensor/tensor.h>

namespace farro {

// Grows from bool over the integers to the floating types.
int category(DType dtype) noexcept;

DType result_type(const Tensor& a, const Tensor& b) noexcept;
DType result_type(TensorList tensors) noexcept;

// As result_type for functions that only exist on floating values: integers and bool become the default dtype.
DType floating_result_type(TensorList tensors) noexcept;

}  // namespace farro
