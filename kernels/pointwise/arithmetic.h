// SPDX-License-Identifier: Apache-2.0
// Elementwise arithmetic. Shapes broadcast, dtypes promote (core/op/promotion.h). All throw ShapeError where the shapes
// do not broadcast and DeviceError where the devices differ. Tensor's operators + - * / are these.
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>

namespace farro {

FARRO_API Tensor add(const Tensor& a, const Tensor& b,
                     Scalar alpha = 1);  // a + alpha * b; DTypeError for integers and 0.5
FARRO_API Tensor sub(const Tensor& a, const Tensor& b);
FARRO_API Tensor mul(const Tensor& a, const Tensor& b);
FARRO_API Tensor div(const Tensor& a, const Tensor& b);  // true division: integers give the default dtype
FARRO_API Tensor neg(const Tensor& a);                   // DTypeError for bool

}  // namespace farro
