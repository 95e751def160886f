// SPDX-License-Identifier: Apache-2.0
// What the readers and writers of array files (safetensors, npy, IDX) share: sizes and values out of a file are checked
// in one place, and tensors are brought into the form that files have.
#pragma once

#include <farro/core/tensor/tensor.h>

#include <cstdint>
#include <string>

namespace farro::io {

// Bytes of an array; FileError (bad_shape) where a size is negative or the product leaves 63 bits.
uint64_t array_bytes(const std::string& path, DType dtype, const Shape& shape);

// Whether array_bytes() takes the tensor's sizes: a writer must refuse what no reader takes.
bool can_be_read(const Tensor& tensor) noexcept;

// FileError (truncated or trailing_bytes) unless the file has exactly the data that `what` needs.
void check_data_bytes(const std::string& path, const std::string& what, uint64_t expected, uint64_t found);

// FileError (bad_value) where a bool is neither 0 nor 1: in C++ that is undefined behaviour.
void check_bools(const std::string& path, const Tensor& tensor);

// On the host and contiguous; the tensor itself where it is.
Tensor to_host(const Tensor& tensor);

}  // namespace farro::io
