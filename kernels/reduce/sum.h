// SPDX-License-Identifier: Apache-2.0
// Sums over dimensions. Empty `dims` means all. An empty reduction gives the neutral element: 0, 1, false, true; the
// mean of nothing is NaN. All throw IndexError for a dimension out of range and ValueError for one given twice.
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>

namespace farro {

FARRO_API Tensor sum(const Tensor& input, const Dims& dims = {}, bool keepdim = false);  // integers and bool give i64
FARRO_API Tensor mean(const Tensor& input, const Dims& dims = {},
                      bool keepdim = false);  // DTypeError for integers and bool
// Non-zero counts as true, NaN too; the result is bool.
FARRO_API Tensor any(const Tensor& input, const Dims& dims = {}, bool keepdim = false);
FARRO_API Tensor all(const Tensor& input, const Dims& dims = {}, bool keepdim = false);

}  // namespace farro
