// SPDX-License-Identifier: Apache-2.0
// stack, made of unsqueeze and cat.
#include <farro/kernels/index/stack.fn.h>

#include <farro/core/tensor/number.h>
#include <farro/kernels/index/join.h>

namespace farro {

Tensor stack(TensorList tensors, int64_t dim) {
  FARRO_CHECK(!tensors.empty(), ValueError, "stack: tensors must not be empty, got an empty list");
  check_defined("stack", "tensors", tensors);
  FARRO_CHECK(tensors[0].dim() < kMaxDims, ShapeError, "stack: tensors must have at most ", kMaxDims - 1,
              " dimensions, got ", tensors[0]);
  const int at = normalize_dim("stack", dim, tensors[0].dim() + 1);
  std::vector<Tensor> parts;
  parts.reserve(tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    FARRO_CHECK(tensors[i].sizes() == tensors[0].sizes(), ShapeError, "stack: shapes must be equal, got ",
                tensors[0].sizes(), " and ", tensors[i].sizes(), " (tensor ", i, ": ", tensors[i], ")");
    FARRO_CHECK(tensors[i].device() == tensors[0].device(), DeviceError, "stack: tensors must be on one device, got ",
                tensors[0].device(), " and ", tensors[i].device(), " (tensor ", i, ": ", tensors[i], ")");
    parts.push_back(tensors[i].unsqueeze(at));
  }
  return cat(parts, at);
}
Tensor stack(const std::vector<Tensor>& tensors, int64_t dim) { return stack(TensorList(tensors), dim); }

}  // namespace farro
