// SPDX-License-Identifier: Apache-2.0
// Which dimensions a reduction takes, as a mask of bits, and what shape is left: shared by the ops of this folder.
#include <farro/kernels/reduce/reduce_op.h>

namespace farro {

uint32_t reduced_dims(const char* op, const Tensor& input, const Dims& dims) {
  const int rank = input.dim();
  // No dimensions named means all of them.
  if (dims.empty()) return (1u << rank) - 1;
  uint32_t mask = 0;
  for (const int64_t dim : dims) {
    const uint32_t bit = 1u << normalize_dim(op, dim, rank);
    FARRO_CHECK(!(mask & bit), ValueError, op, ": dims must name each dimension once, got ", dims, " (input: ", input,
                ")");
    mask |= bit;
  }
  return mask;
}

Shape reduced_shape(const Shape& sizes, uint32_t mask, bool keepdim) {
  Shape out;
  for (int i = 0; i < sizes.size(); ++i) {
    if (!(mask >> i & 1))
      out.push_back(sizes[i]);
    else if (keepdim)
      out.push_back(1);
  }
  return out;
}

int64_t reduced_count(const Shape& sizes, uint32_t mask) {
  int64_t count = 1;
  for (int i = 0; i < sizes.size(); ++i)
    if (mask >> i & 1) count *= sizes[i];
  return count;
}

TensorSpec reduce_spec(const char* op, const Tensor& input, const Dims& dims, bool keepdim, DType dtype) {
  return TensorSpec(reduced_shape(input.sizes(), reduced_dims(op, input, dims), keepdim), dtype, input.device());
}

Cost reduce_cost(const ReduceArgs& args, double flops, size_t result_bytes) {
  const Shape out = reduced_shape(args.input.sizes(), reduced_dims("cost", args.input, args.dims), true);
  double outputs = 1;
  for (const int64_t size : out) outputs *= static_cast<double>(size);
  return {flops * static_cast<double>(args.input.numel()),
          static_cast<double>(args.input.nbytes()) + outputs * static_cast<double>(result_bytes)};
}

}  // namespace farro
