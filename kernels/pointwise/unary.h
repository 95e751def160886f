// SPDX-License-Identifier: Apache-2.0
// Elementwise functions of one tensor. The transcendental ones and sqrt, rsqrt and reciprocal give the default dtype
// for integers and bool; the others keep the dtype. In f32 all are within 2 units in the last place.
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>

namespace farro {

FARRO_API Tensor exp(const Tensor& a);
FARRO_API Tensor expm1(const Tensor& a);  // exp(a) - 1
FARRO_API Tensor log(const Tensor& a);
FARRO_API Tensor log1p(const Tensor& a);  // log(1 + a)
FARRO_API Tensor sqrt(const Tensor& a);
FARRO_API Tensor rsqrt(const Tensor& a);  // 1 / sqrt(a)
FARRO_API Tensor reciprocal(const Tensor& a);
FARRO_API Tensor sin(const Tensor& a);
FARRO_API Tensor cos(const Tensor& a);
FARRO_API Tensor erf(const Tensor& a);

FARRO_API Tensor abs(const Tensor& a);     // gradient 0 at 0
FARRO_API Tensor square(const Tensor& a);  // bool gives i64
// These have gradient 0 everywhere.
FARRO_API Tensor sign(const Tensor& a);  // -1, 0 or 1; NaN stays NaN
FARRO_API Tensor floor(const Tensor& a);
FARRO_API Tensor ceil(const Tensor& a);
FARRO_API Tensor round(const Tensor& a);  // halves to even

}  // namespace farro
