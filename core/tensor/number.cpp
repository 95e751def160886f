// SPDX-License-Identifier: Apache-2.0
// C++ numbers beside tensors: which dtype they take part as, and whether a dtype holds their value.
#include <farro/core/tensor/number.h>

#include <farro/core/dtype/visit.h>

#include <cmath>
#include <limits>

namespace farro {

namespace {

// The least finite number that rounds to an infinity: half a step beyond the largest.
double overflow_bound(DType floating) noexcept {
  switch (floating) {
    // The largest f16 is 65504, and its step there 32.
    case DType::f16: return 65520;
    case DType::bf16: return 0x1.ffp127;
    case DType::f32: return 0x1.ffffffp127;
    default: return std::numeric_limits<double>::infinity();
  }
}

struct Range {
  int64_t low, high;
};
Range range_of(DType integer) noexcept {
  switch (integer) {
    case DType::i32: return {INT32_MIN, INT32_MAX};
    case DType::i16: return {INT16_MIN, INT16_MAX};
    case DType::i8: return {INT8_MIN, INT8_MAX};
    case DType::u8: return {0, UINT8_MAX};
    default: return {INT64_MIN, INT64_MAX};
  }
}

std::string what_it_holds(DType dtype) {
  if (is_floating(dtype)) return str("a number that ", dtype, " holds");
  const Range range = range_of(dtype);
  return str("a number that ", dtype, " holds, ", range.low, " to ", range.high);
}

}  // namespace

bool holds(DType dtype, Scalar value) noexcept {
  if (dtype == DType::boolean) return true;
  if (is_floating(dtype)) {
    const double real = value.to_double();
    return !std::isfinite(real) || std::abs(real) < overflow_bound(dtype);
  }
  if (value.is_floating()) {
    const double real = value.to_double();
    // Outside, to_int() saturates; NaN fails both comparisons.
    if (!(real >= -0x1p63 && real < 0x1p63)) return false;
  }
  const Range range = range_of(dtype);
  return value.to_int() >= range.low && value.to_int() <= range.high;
}

void check_holds(const char* op, const char* argument, Scalar value, DType dtype) {
  FARRO_CHECK(holds(dtype, value), ValueError, op, ": ", argument, " must be ", what_it_holds(dtype), ", got ", value);
}
void check_holds(const char* op, const char* argument, Scalar value, const char* name, const Tensor& tensor) {
  check_defined(op, name, tensor);
  FARRO_CHECK(holds(tensor.dtype(), value), ValueError, op, ": ", argument, " must be ", what_it_holds(tensor.dtype()),
              ", got ", value, " (", name, ": ", tensor, ")");
}

void throw_undefined(const char* op, const char* argument) {
  fail<ValueError>(op, ": ", argument, " must be a defined tensor, got an undefined one");
}
void check_defined(const char* op, const char* argument, TensorList tensors) {
  for (size_t i = 0; i < tensors.size(); ++i)
    FARRO_CHECK(tensors[i].defined(), ValueError, op, ": ", argument,
                " must be defined tensors, got an undefined one (", i, " of ", tensors.size(), ")");
}

DType result_type(const Tensor& tensor, Scalar value) {
  const DType dtype = tensor.dtype();
  // PyTorch's rule: a number decides on the kind of the result, never on its width.
  if (value.is_floating()) return is_floating(dtype) ? dtype : default_dtype();
  return dtype == DType::boolean && !value.is_bool() ? DType::i64 : dtype;
}

Tensor operand(const char* op, const char* argument, Scalar value, const char* name, const Tensor& beside) {
  check_defined(op, name, beside);
  const DType dtype = result_type(beside, value);
  const DType computed = dtype == DType::f16 || dtype == DType::bf16 ? DType::f32 : dtype;
  FARRO_CHECK(holds(computed, value), ValueError, op, ": ", argument, " must be ", what_it_holds(computed), ", got ",
              value, " (", name, ": ", beside, ")");
  return wrap_number(value, beside);
}

}  // namespace farro
