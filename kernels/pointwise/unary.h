// SPDX-License-Identifier: Apache-2.0
// Elementwise functions of one tensor. The transcendental ones and sqrt, rsqrt and reciprocal give the default dtype
// for integers and bool; the others keep the dtype. In f32 all are within 2 units in the last place.
#pragma once

#include <farro/core/tensor/tensor.h>

namespace farro {

Tensor exp(const Tensor& a);
Tensor expm1(const Tensor& a);  // exp(a) - 1
Tensor log(const Tensor& a);
Tensor log1p(const Tensor& a);  // log(1 + a)
Tensor sqrt(const Tensor& a);
Tensor rsqrt(const Tensor& a);  // 1 / sqrt(a)
Tensor reciprocal(const Tensor& a);
Tensor sin(const Tensor& a);
Tensor cos(const Tensor& a);
Tensor erf(const Tensor& a);

Tensor abs(const Tensor& a);     // gradient 0 at 0
Tensor square(const Tensor& a);  // bool gives i64
// These have gradient 0 everywhere.
Tensor sign(const Tensor& a);  // -1, 0 or 1; NaN stays NaN
Tensor floor(const Tensor& a);
Tensor ceil(const Tensor& a);
Tensor round(const Tensor& a);  // halves to even

}  // namespace farro
