// SPDX-License-Identifier: Apache-2.0
// What infer() says of one output: enough to allocate it, or to make a meta tensor.
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>

namespace farro {

struct TensorSpec {
  Shape sizes;
  DType dtype = DType::f32;
  Device device;
  bool channels_last = false;  // dense NHWC / NDHWC strides instead of row-major
  bool strided = false;        // `strides` holds the layout
  Strides strides;             // only where `strided`
  // A contiguous tensor of exactly `sizes`, alive until the call ends: allocation copies its geometry.
  const TensorImpl* like = nullptr;

  TensorSpec() = default;
  TensorSpec(const Shape& sizes_, DType dtype_, Device device_) : sizes(sizes_), dtype(dtype_), device(device_) {}
  // Contiguous with the given sizes, dtype and device of `other`.
  TensorSpec(const Shape& sizes_, const Tensor& other) : TensorSpec(sizes_, other.dtype(), other.device()) {}
};

// Uninitialised tensor of that description; throws OutOfMemoryError, and ShapeError where the size overflows.
FARRO_API Tensor allocate(const char* op, const TensorSpec& spec);

}  // namespace farro
