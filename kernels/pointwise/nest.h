// SPDX-License-Identifier: Apache-2.0
// The geometry of an elementwise operation: output and inputs broadcast to one shape, with dimensions ordered and
// merged so that the innermost run is as long and as dense as it can be. Shared by the CPU driver and the device loops.
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>
#include <farro/kernels/pointwise/host_driver.h>

namespace farro {

struct PointwiseOperand {
  char* data;
  DType dtype;
  size_t item;
  int64_t strides[kMaxDims];  // elements, in loop order; 0 where broadcast
};

// Operand 0 is the output. rank is at least 1.
struct PointwiseNest {
  int operands = 0;
  int rank = 0;
  int64_t sizes[kMaxDims];
  PointwiseOperand ops[kMaxPointwiseInputs + 1];
};

// The inputs must broadcast to out's shape.
FARRO_API PointwiseNest make_pointwise_nest(const Tensor& out, std::span<const Tensor* const> inputs);

}  // namespace farro
