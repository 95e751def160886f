// SPDX-License-Identifier: Apache-2.0
// Variance, norms and log-sum-exp over dimensions. Empty `dims` means all. Results are floating; all throw DTypeError
// for integers and bool, IndexError for a dimension out of range and ValueError for one given twice.
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>

namespace farro {

// Mean squared distance from the mean, over n - 1 where unbiased. NaN where that divides by 0.
FARRO_API Tensor var(const Tensor& input, const Dims& dims = {}, bool unbiased = true, bool keepdim = false);

// (sum |x|^p)^(1/p); p = infinity: max |x|, -infinity: min |x|, 0: how many are not 0. Gradient 0 where the norm is 0.
FARRO_API Tensor norm(const Tensor& input, double p = 2, const Dims& dims = {}, bool keepdim = false);

// log(sum exp(x)) without overflow; -infinity of nothing.
FARRO_API Tensor logsumexp(const Tensor& input, const Dims& dims, bool keepdim = false);

}  // namespace farro
