// SPDX-License-Identifier: Apache-2.0
// For what is made of public ops: half types in f32, so that only the result is rounded. A gradient may be returned in
// f32: the engine sums it and then converts it.
#pragma once

#include <farro/core/tensor/tensor.h>

namespace farro {

inline Tensor widened(const Tensor& t) { return t.defined() && is_half(t.dtype()) ? t.to(DType::f32) : t; }

}  // namespace farro
