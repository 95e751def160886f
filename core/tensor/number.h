// SPDX-License-Identifier: Apache-2.0
// The one rule for a C++ number on its way into a tensor, in every function that takes one. A dtype holds
//   - bool: every number; all but zero are true, NaN too;
//   - integers: numbers whose whole part lies in their range; the fraction is cut off, as in C++ and PyTorch. Not 256
//   or -1
//     in u8, NaN or an infinity;
//   - floating: NaN, the infinities, and every finite number that does not round to an infinity.
// A number that is not held is a ValueError; nothing wraps or saturates. (Converting a tensor, as by to() and
// copy_(), is another matter: that is C++'s conversion of each element.)
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>

namespace farro {

FARRO_API bool holds(DType dtype, Scalar value) noexcept;

// ValueError "op: argument must be a number that u8 holds, 0 to 255, got 300 (name: u8 [2] cpu)"; the tensor is left
// out where none is given.
FARRO_API void check_holds(const char* op, const char* argument, Scalar value, DType dtype);
FARRO_API void check_holds(const char* op, const char* argument, Scalar value, const char* name, const Tensor& tensor);

// ValueError "op: argument must be a defined tensor, got an undefined one". For functions that look at a tensor before
// an op is called, which checks the same.
[[noreturn]] FARRO_API void throw_undefined(const char* op, const char* argument);
inline void check_defined(const char* op, const char* argument, const Tensor& tensor) {
  if (!tensor.defined()) [[unlikely]]
    throw_undefined(op, argument);
}
FARRO_API void check_defined(const char* op, const char* argument, TensorList tensors);

// A number as an operand beside a tensor (wrap_number), checked: the dtype that promotion gives the two must hold it.
// The half types compute in f32, so it is f32 that must: a number of 1e6 may scale a small half.
FARRO_API Tensor operand(const char* op, const char* argument, Scalar value, const char* name, const Tensor& beside);
// The dtype that promotion gives a tensor and a number.
FARRO_API DType result_type(const Tensor& tensor, Scalar value);

}  // namespace farro
