// SPDX-License-Identifier: Apache-2.0
// Copies between any two layouts of the same shape, by item size alone: the path of clone(), contiguous(), copy_() and
// flip() where no dtype changes. CPU memory only.
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/dims.h>

#include <cstddef>

namespace farro {

// out[i . out_strides] = in[i . in_strides] for every index i of `sizes`. Strides count items; those of `out` are
// positive for sizes above 1 and do not repeat an element, those of `in` may be zero or negative. The memories must not
// overlap, except where each element is copied to itself.
FARRO_API void strided_copy(void* out, const Strides& out_strides, const void* in, const Strides& in_strides,
                            const Shape& sizes, size_t item_bytes);

}  // namespace farro
