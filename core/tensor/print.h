// SPDX-License-Identifier: Apache-2.0
// Tensors as text, laid out as by PyTorch's Python repr: tensor([[1., 2.], [3., 4.]]). Dtypes and gradient functions
// have the names of this library: tensor([1.], dtype=f64, grad_fn=<mul>).
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>

#include <iosfwd>
#include <optional>
#include <string>

namespace farro {

struct PrintOptions {
  int precision = 4;                  // digits behind the point
  int64_t threshold = 1000;           // tensors of more elements are summarised
  int64_t edge_items = 3;             // then so many at either end of each dimension are shown
  int line_width = 80;                // characters
  std::optional<bool> sci_mode = {};  // 1.0000e+00; default: where the values' range asks for it
};

// The options of operator<< and of to_text without options; those of the process. ValueError for a negative number.
FARRO_API void set_print_options(const PrintOptions& options);
FARRO_API PrintOptions print_options();

// Waits for the device. An undefined tensor is "tensor(undefined)".
FARRO_API std::string to_text(const Tensor& tensor, const PrintOptions& options);
FARRO_API std::string to_text(const Tensor& tensor);

FARRO_API std::ostream& operator<<(std::ostream& out, const Tensor& tensor);

}  // namespace farro
