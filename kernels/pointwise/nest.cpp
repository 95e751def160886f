// SPDX-License-Identifier: Apache-2.0
// The loop nest of an elementwise op: dimensions in the order of the output's memory, with those merged that all
// operands walk as one. Most calls end up with a single dimension.
#include <farro/kernels/pointwise/nest.h>

#include <algorithm>
#include <utility>

namespace farro {

namespace {

void add_operand(PointwiseNest& nest, const TensorImpl& tensor, const Shape& shape) {
  PointwiseOperand& op = nest.ops[nest.operands++];
  op.dtype = tensor.dtype;
  op.item = item_size(tensor.dtype);
  op.data = static_cast<char*>(tensor.storage->data()) + size_t(tensor.offset) * op.item;
  const int lead = shape.size() - tensor.sizes.size();
  for (int i = 0; i < shape.size(); ++i)
    // A dimension that broadcasts is walked in place, with the stride 0.
    op.strides[i] = i < lead || tensor.sizes[i - lead] == 1 ? 0 : tensor.strides[i - lead];
}

// Orders dimensions by the output's strides, so that the innermost run is dense in memory where it can be.
void sort_dims(PointwiseNest& nest) {
  const PointwiseOperand& out = nest.ops[0];
  for (int i = 1; i < nest.rank; ++i) {
    for (int j = i; j > 0 && out.strides[j - 1] < out.strides[j]; --j) {
      std::swap(nest.sizes[j - 1], nest.sizes[j]);
      for (int k = 0; k < nest.operands; ++k) std::swap(nest.ops[k].strides[j - 1], nest.ops[k].strides[j]);
    }
  }
}

// Merges neighbouring dimensions that every operand walks as one; drops dimensions of size 1.
void merge_dims(PointwiseNest& nest) {
  int kept = 0;
  for (int i = 0; i < nest.rank; ++i) {
    if (nest.sizes[i] == 1) continue;
    bool merges = kept > 0;
    for (int k = 0; merges && k < nest.operands; ++k)
      merges = nest.ops[k].strides[kept - 1] == nest.ops[k].strides[i] * nest.sizes[i];
    if (merges) {
      nest.sizes[kept - 1] *= nest.sizes[i];
      for (int k = 0; k < nest.operands; ++k) nest.ops[k].strides[kept - 1] = nest.ops[k].strides[i];
      continue;
    }
    nest.sizes[kept] = nest.sizes[i];
    for (int k = 0; k < nest.operands; ++k) nest.ops[k].strides[kept] = nest.ops[k].strides[i];
    ++kept;
  }
  if (kept == 0) {
    nest.sizes[0] = 1;
    for (int k = 0; k < nest.operands; ++k) nest.ops[k].strides[0] = 0;
    kept = 1;
  }
  nest.rank = kept;
}

}  // namespace

PointwiseNest make_pointwise_nest(const Tensor& out, std::span<const Tensor* const> inputs) {
  const TensorImpl& impl = *out.impl();
  PointwiseNest nest;
  nest.rank = impl.sizes.size();
  std::copy(impl.sizes.begin(), impl.sizes.end(), nest.sizes);
  add_operand(nest, impl, impl.sizes);
  for (const Tensor* input : inputs) add_operand(nest, *input->impl(), impl.sizes);
  sort_dims(nest);
  merge_dims(nest);
  return nest;
}

}  // namespace farro
