// SPDX-License-Identifier: Apache-2.0
// How a tensor's sizes can change without moving elements: -1 among the sizes, and the strides of a view.
#include <farro/kernels/memory/reshape.h>

namespace farro {

Shape resolve_sizes(const char* op, const Shape& sizes, const Tensor& tensor) {
  Shape resolved = sizes;
  int unknown = -1;
  for (int i = 0; i < sizes.size(); ++i) {
    if (sizes[i] != -1) continue;
    FARRO_CHECK(unknown < 0, ShapeError, op, ": at most one size must be -1, got ", sizes);
    unknown = i;
    resolved[i] = 1;
  }
  const int64_t known = checked_numel(op, resolved);
  if (unknown >= 0) {
    FARRO_CHECK(known > 0 && tensor.numel() % known == 0, ShapeError, op, ": sizes must hold the tensor's ",
                tensor.numel(), " elements, got ", sizes, " (tensor: ", tensor, ")");
    resolved[unknown] = tensor.numel() / known;
  } else {
    FARRO_CHECK(known == tensor.numel(), ShapeError, op, ": sizes must hold the tensor's ", tensor.numel(),
                " elements, got ", sizes, " (tensor: ", tensor, ")");
  }
  return resolved;
}

// Walks both shapes from the back. A run of old dimensions that lie densely one in another acts as one dimension, which
// new dimensions may cut up freely; a new dimension must not straddle two runs.
std::optional<Strides> view_strides(const Shape& from, const Strides& strides, const Shape& to) {
  Strides result = to;
  for (int64_t size : to)
    // Without elements any strides will do.
    if (size == 0) return contiguous_strides(to);
  int at = to.size() - 1;
  int64_t run = 1;      // elements of the current run
  int64_t covered = 1;  // of them, those the new dimensions hold already
  int64_t base = from.empty() ? 1 : strides.back();
  for (int i = from.size() - 1; i >= 0; --i) {
    run *= from[i];
    const bool ends = i == 0 || (from[i - 1] != 1 && strides[i - 1] != run * base);
    if (!ends) continue;
    while (at >= 0 && (covered < run || to[at] == 1)) {
      result[at] = covered * base;
      covered *= to[at--];
    }
    if (covered != run) return std::nullopt;
    if (i > 0) {
      base = strides[i - 1];
      run = covered = 1;
    }
  }
  while (at >= 0 && to[at] == 1) result[at--] = base;
  if (at >= 0) return std::nullopt;
  return result;
}

}  // namespace farro
