// SPDX-License-Identifier: Apache-2.0
// What all reductions share: which dimensions, the shape of the result, and the way of a gradient back.
#pragma once

#include <farro/core/api.h>
#include <farro/core/op/op.h>

namespace farro {

struct ReduceArgs {
  const Tensor& input;
  Dims dims;  // empty: all
  bool keepdim;
  static constexpr std::array names{"input", "dims", "keepdim"};
};

// Bit i: dimension i is reduced. Throws IndexError for a dimension out of range and ValueError for one given twice.
FARRO_API uint32_t reduced_dims(const char* op, const Tensor& input, const Dims& dims);
Shape reduced_shape(const Shape& sizes, uint32_t mask, bool keepdim);
// How many values go into one result.
int64_t reduced_count(const Shape& sizes, uint32_t mask);

// The spec of a reduction's result.
TensorSpec reduce_spec(const char* op, const Tensor& input, const Dims& dims, bool keepdim, DType dtype);
// `flops` per value of the input; the input read, results of `result_bytes` each written.
Cost reduce_cost(const ReduceArgs& args, double flops, size_t result_bytes);

// What backward needs of the input's geometry.
struct ReducedFrom {
  Shape sizes;
  uint32_t mask = 0;

  ReducedFrom() = default;
  ReducedFrom(const char* op, const Tensor& input, const Dims& dims)
      : sizes(input.sizes()), mask(reduced_dims(op, input, dims)) {}
  int64_t count() const { return reduced_count(sizes, mask); }
  // The reduced dimensions; of a 0-dim tensor none, which a reduction takes for all.
  Dims dims() const {
    Dims reduced;
    for (int i = 0; i < sizes.size(); ++i)
      if (mask >> i & 1) reduced.push_back(i);
    return reduced;
  }
  // A result (or its gradient) with the reduced dimensions as size 1, so that it broadcasts against the input.
  Tensor keep(const Tensor& reduced) const { return reduced.reshape(reduced_shape(sizes, mask, true)); }
};

}  // namespace farro
