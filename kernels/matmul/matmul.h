// SPDX-License-Identifier: Apache-2.0
// Products of matrices. All throw ShapeError where inner sizes or batches do not fit and DTypeError where the dtypes
// differ or are bool. Half types accumulate in f32; integers wrap around. Results do not depend on the number of
// threads.
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>

namespace farro {

// By rank, as in PyTorch: vector.vector is a 0-dim tensor, a vector acts as a row on the left and as a column on the
// right, and leading dimensions are batches that broadcast: [..., m, k] x [..., k, n] = [..., m, n].
FARRO_API Tensor matmul(const Tensor& a, const Tensor& b);

// [B, m, k] x [B, k, n] = [B, m, n].
FARRO_API Tensor bmm(const Tensor& a, const Tensor& b);

// beta * input + alpha * (a x b), with input broadcast to [m, n].
FARRO_API Tensor addmm(const Tensor& input, const Tensor& a, const Tensor& b, double beta = 1, double alpha = 1);

// x [..., in] x weight [out, in]^T + bias [out]: [..., out]. The bias is added while the product is written.
FARRO_API Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {});

}  // namespace farro
