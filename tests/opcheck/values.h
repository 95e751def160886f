// SPDX-License-Identifier: Apache-2.0
// Makes the inputs of a sample: fixed pseudo-random values, in any dtype, memory layout and device; and reads outputs
// back. It does not use the library's own copies and conversions, for those are under test too.
#pragma once

#include <farro/tests/opcheck/sample.h>

#include <cstddef>

namespace farro::opcheck {

// How an input lies in memory. All but the first start at an offset, in a storage whose other elements are NaN (or 77).
enum class Layout { contiguous, offset, transposed, spaced, channels_last };
inline constexpr Layout kLayouts[] = {Layout::contiguous, Layout::offset, Layout::transposed, Layout::spaced,
                                      Layout::channels_last};
const char* name(Layout layout);

// The dtype of an input when `dtype` is under test.
inline DType dtype_of(const Input& input, DType dtype) { return input.dtype.value_or(dtype); }

// The dtypes of a set.
std::vector<DType> list(DTypeSet set);

// Row-major values, rounded to what the dtype can hold. The same for the same input and seed.
std::vector<double> make_values(const Input& input, DType dtype, uint64_t seed);

Tensor make_tensor(const std::vector<double>& values, const Shape& sizes, DType dtype, Device device, Layout layout);

// Every input of a sample.
struct Made {
  std::vector<std::vector<double>> values;  // empty for an absent input
  Tensors tensors;
};
Made make_inputs(const Sample& sample, DType dtype, Device device, Layout layout = Layout::contiguous);
// The same values as new leaves; those that are floating and differentiable, and chosen by the mask, require gradients.
Tensors with_gradients(const Sample& sample, const Tensors& inputs, unsigned mask = ~0u);
bool is_differentiable(const Input& input, const Tensor& tensor);

template <class T>
Arrays<T> to_arrays(const Sample& sample, const std::vector<std::vector<double>>& values) {
  Arrays<T> arrays;
  for (size_t i = 0; i < values.size(); ++i) {
    NdArray<T> array(sample.inputs[i].defined ? sample.inputs[i].sizes : Shape{0});
    array.data.assign(values[i].begin(), values[i].end());
    arrays.push_back(std::move(array));
  }
  return arrays;
}

// The bytes of the storages behind tensors, with what lies around the elements.
std::vector<std::vector<std::byte>> storage_bytes(const Tensors& tensors);

// All elements in row-major order; waits for the device.
std::vector<double> read(const Tensor& tensor);
// Sizes, dtype and every element equal bit by bit (a NaN equals a NaN); the difference in words, empty where there is
// none.
std::string difference(const Tensors& a, const Tensors& b);

// "add [2, 3] f32 cpu transposed": for failure messages.
std::string describe(const std::string& op, const Sample& sample, DType dtype, Device device, Layout layout);

}  // namespace farro::opcheck
