// SPDX-License-Identifier: Apache-2.0
// Cuts a convolution of dense channels-last tensors into parts that one thread each computes: of the batch, and of the
// rows of an image where the batch is small. The parts depend on the shape alone.
#pragma once

#include <farro/kernels/conv/conv_shape.h>

namespace farro {

struct ConvPart {
  ConvShape shape;
  int64_t x_at, out_at;  // where its first rows lie, in elements
};

class ConvParts {
 public:
  // Disjoint parts of the output, or with `of_x` (the gradient with respect to x) of x.
  ConvParts(const ConvShape& shape, bool of_x);
  int64_t count() const noexcept { return batches_ * rows_; }
  ConvPart operator[](int64_t index) const;

 private:
  bool cut_rows(ConvPart& part, int64_t index) const;

  ConvShape shape_;
  bool of_x_;
  int dim_ = 0;  // the outermost spatial dimension that is not 1
  int64_t batches_ = 1, batch_ = 1, rows_ = 1;
};

}  // namespace farro
