// SPDX-License-Identifier: Apache-2.0
// NumPy's .npy files (numpy.org/devdocs/reference/generated/numpy.lib.format.html), versions 1 to 3, little-endian, C
// and Fortran order. Called to exchange arrays with Python. The header is a Python literal; it is read by a small
// strict parser and never evaluated.
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>

#include <string>

namespace farro::io {

// A CPU tensor; Fortran order becomes strides. FileError: bad_magic, bad_header, bad_dtype (big-endian, text, objects,
// ...), bad_shape, truncated, trailing_bytes, bad_value.
FARRO_API Tensor load_npy(const std::string& path);

// Any device and strides; the file is in C order, replaced as a whole. DTypeError for bf16, which NumPy lacks.
FARRO_API void save_npy(const std::string& path, const Tensor& tensor);

}  // namespace farro::io
