// SPDX-License-Identifier: Apache-2.0
// row_dot: the inner products of the rows of two matrices, y_i = sum over j of a_ij b_ij.
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>

namespace farro {

// a and b [m, n], floating and of one dtype; gives [m]. Sums in f64 on the CPU, in f32 (f64 for f64) on the device.
// Throws ShapeError and DTypeError.
FARRO_API Tensor row_dot(const Tensor& a, const Tensor& b);

}  // namespace farro
