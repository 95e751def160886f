// SPDX-License-Identifier: Apache-2.0
// Pooling over windows of the last one, two or three dimensions. x is [N, C, spatial...] of a floating dtype and may
// lack N; results keep x's memory format. Throws ShapeError where the rank is wrong or a window exceeds the padded
// input, ValueError for options out of range and DTypeError for integers.
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>

namespace farro {

// Lists have one entry per spatial dimension, or a single one for all.
struct PoolOptions {
  Dims kernel_size = {};
  Dims stride = {};               // default: kernel_size
  Dims padding = {};              // on both sides, at most half of kernel_size; default 0
  Dims dilation = {};             // max_pool only; default 1
  bool ceil_mode = false;         // keep a last window that only partly fits
  bool count_include_pad = true;  // avg_pool only: padding counts in the divisor
};

// The greatest element of each window; NaN wins over everything. The padding is -inf. The gradient goes to the first
// greatest element.
FARRO_API Tensor max_pool1d(const Tensor& x, const PoolOptions& options);
FARRO_API Tensor max_pool2d(const Tensor& x, const PoolOptions& options);
FARRO_API Tensor max_pool3d(const Tensor& x, const PoolOptions& options);

// The mean of each window; the padding is 0. Sums are accumulated in f32 (f64 for f64), long ones of runs in f64.
FARRO_API Tensor avg_pool1d(const Tensor& x, const PoolOptions& options);
FARRO_API Tensor avg_pool2d(const Tensor& x, const PoolOptions& options);
FARRO_API Tensor avg_pool3d(const Tensor& x, const PoolOptions& options);

// Windows chosen so that the result has the given spatial sizes (-1: that of x): output i covers
// [floor(i * in / out), ceil((i + 1) * in / out)).
FARRO_API Tensor adaptive_avg_pool1d(const Tensor& x, const Dims& output_size);
FARRO_API Tensor adaptive_avg_pool2d(const Tensor& x, const Dims& output_size);
FARRO_API Tensor adaptive_avg_pool3d(const Tensor& x, const Dims& output_size);
FARRO_API Tensor adaptive_max_pool1d(const Tensor& x, const Dims& output_size);
FARRO_API Tensor adaptive_max_pool2d(const Tensor& x, const Dims& output_size);
FARRO_API Tensor adaptive_max_pool3d(const Tensor& x, const Dims& output_size);

}  // namespace farro
