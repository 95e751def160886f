// SPDX-License-Identifier: Apache-2.0
// Whether two operands overlap without being the same elements: then a kernel that writes one while it reads the other
// would see its own results.
#include <farro/core/op/dispatch.h>

namespace farro::detail {

bool overlaps_partially(const Tensor& a, const Tensor& b) noexcept {
  const TensorImpl &x = *a.impl(), &y = *b.impl();
  if (x.storage.get() != y.storage.get() || x.numel == 0 || y.numel == 0) return false;
  if (x.offset == y.offset && x.sizes == y.sizes && x.strides == y.strides && x.dtype == y.dtype) return false;
  // Conservative: interleaved views share a range but may share no element.
  return x.offset < y.offset + reach(y.sizes, y.strides) && y.offset < x.offset + reach(x.sizes, x.strides);
}

}  // namespace farro::detail
