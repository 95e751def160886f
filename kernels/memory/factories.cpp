// SPDX-License-Identifier: Apache-2.0
// Tensors from numbers, and numbers from tensors. Values are checked against the dtype before anything is allocated,
// and computed on the host in the widest type, so that one rounding leads to each element.
#include <farro/kernels/memory/factories.h>

#include <farro/core/dtype/visit.h>
#include <farro/core/op/tensor_spec.h>
#include <farro/core/tensor/number.h>
#include <farro/kernels/pointwise/host_driver.h>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace farro {

namespace {

// A tensor of host values, moved to where the options say. The gradient flag is set last, on the final leaf.
Tensor finish(Tensor host, const TensorOptions& options) {
  Tensor out = host.to(options.device.value_or(default_device()), options.dtype.value_or(host.dtype()));
  if (options.requires_grad) out.set_requires_grad();
  return out;
}

Tensor host_empty(const char* op, const Shape& sizes, DType dtype) {
  checked_numel(op, sizes);
  return allocate(op, TensorSpec(sizes, dtype, Device::cpu()));
}

// Errors name the function that the user called.
Tensor filled(const char* op, const Shape& sizes, Scalar value, const TensorOptions& options, DType dtype) {
  check_holds(op, "value", value, dtype);
  checked_numel(op, sizes);
  Tensor out = allocate(op, TensorSpec(sizes, dtype, options.device.value_or(default_device())));
  out.fill_(value);
  if (options.requires_grad) out.set_requires_grad();
  return out;
}

Tensor filled_like(const char* op, const Tensor& like, Scalar value) {
  check_holds(op, "value", value, "like", like);
  Tensor out = empty_like(like);
  out.fill_(value);
  return out;
}

// ceil(distance / stride) in integers: neither the numbers nor their distance need to fit a double, or 63 bits.
int64_t integer_count(Scalar start, Scalar end, Scalar step) {
  const int64_t stride = step.to_int();
  const auto from = static_cast<uint64_t>(start.to_int()), to = static_cast<uint64_t>(end.to_int());
  const bool up = start.to_int() < end.to_int();
  const uint64_t distance = up ? to - from : from - to;
  if (distance == 0 && stride != 0) return 0;
  FARRO_CHECK(stride != 0 && up == (stride > 0), ValueError,
              "arange: step must be non-zero and lead from start to end, got start ", start, ", end ", end, ", step ",
              step);
  const uint64_t length = stride > 0 ? static_cast<uint64_t>(stride) : uint64_t{0} - static_cast<uint64_t>(stride);
  const uint64_t count = (distance - 1) / length + 1;
  FARRO_CHECK(count <= INT64_MAX, ShapeError, "arange: number of elements must be below 2^63, got ", count);
  return static_cast<int64_t>(count);
}

int64_t real_count(Scalar start, Scalar end, Scalar step) {
  const double distance = end.to_double() - start.to_double(), stride = step.to_double();
  FARRO_CHECK(stride != 0 && distance / stride >= 0 && std::isfinite(distance / stride), ValueError,
              "arange: step must be non-zero and lead from start to end, got start ", start, ", end ", end, ", step ",
              step);
  // As NumPy: a step that is not exact in binary may give one element more than expected.
  const double count = std::ceil(distance / stride);
  FARRO_CHECK(count < 0x1p63, ShapeError, "arange: number of elements must be below 2^63, got ", count);
  return static_cast<int64_t>(count);
}

// start + i * step, which wraps where the last value lies beyond 63 bits; that one is not asked for.
int64_t at(Scalar start, Scalar step, int64_t i) {
  return static_cast<int64_t>(static_cast<uint64_t>(start.to_int()) +
                              static_cast<uint64_t>(i) * static_cast<uint64_t>(step.to_int()));
}

}  // namespace

Tensor full(const Shape& sizes, Scalar value, TensorOptions options) {
  return filled("full", sizes, value, options, options.dtype.value_or(value.dtype()));
}
Tensor zeros(const Shape& sizes, const TensorOptions& options) {
  return filled("zeros", sizes, 0, options, options.dtype.value_or(default_dtype()));
}
Tensor ones(const Shape& sizes, const TensorOptions& options) {
  return filled("ones", sizes, 1, options, options.dtype.value_or(default_dtype()));
}

Tensor full_like(const Tensor& like, Scalar value) { return filled_like("full_like", like, value); }
Tensor zeros_like(const Tensor& like) { return filled_like("zeros_like", like, 0); }
Tensor ones_like(const Tensor& like) { return filled_like("ones_like", like, 1); }

Tensor arange(Scalar start, Scalar end, Scalar step, TensorOptions options) {
  const bool real = start.is_floating() || end.is_floating() || step.is_floating();
  if (!options.dtype) options.dtype = real ? default_dtype() : DType::i64;
  const DType dtype = *options.dtype;
  const int64_t count = real ? real_count(start, end, step) : integer_count(start, end, step);
  // The first and the last value bound all others.
  if (count) check_holds("arange", "start", start, dtype);
  if (real) {
    if (count > 1)
      check_holds("arange", "the last value", start.to_double() + static_cast<double>(count - 1) * step.to_double(),
                  dtype);
  } else if (count > 1) {
    check_holds("arange", "the last value", at(start, step, count - 1), dtype);
  }
  Tensor host = host_empty("arange", {count}, real ? DType::f64 : DType::i64);
  if (real) {
    double* data = host.data<double>();
    // A product, not a running sum, whose rounding errors would add up.
    for (int64_t i = 0; i < count; ++i) data[i] = start.to_double() + static_cast<double>(i) * step.to_double();
  } else {
    int64_t* data = host.data<int64_t>();
    for (int64_t i = 0; i < count; ++i) data[i] = at(start, step, i);
  }
  return finish(host, options);
}
Tensor arange(Scalar end, TensorOptions options) { return arange(0, end, 1, options); }

Tensor linspace(Scalar start, Scalar end, int64_t count, const TensorOptions& options) {
  FARRO_CHECK(count >= 0, ValueError, "linspace: count must not be negative, got ", count);
  const DType dtype = options.dtype.value_or(default_dtype());
  check_holds("linspace", "start", start, dtype);
  check_holds("linspace", "end", end, dtype);
  const TensorOptions typed{dtype, options.device, options.requires_grad};
  if (is_integral(dtype)) {
    __extension__ using Wide = __int128;  // the distance times the index
    Tensor host = host_empty("linspace", {count}, DType::i64);
    int64_t* data = host.data<int64_t>();
    const Wide distance = Wide{end.to_int()} - start.to_int();
    for (int64_t i = 0; i < count; ++i)
      data[i] = static_cast<int64_t>(start.to_int() + (count > 1 ? distance * i / (count - 1) : 0));
    return finish(host, typed);
  }
  Tensor host = host_empty("linspace", {count}, DType::f64);
  double* data = host.data<double>();
  const double from = start.to_double(), to = end.to_double();
  const double step = count > 1 ? (to - from) / static_cast<double>(count - 1) : 0;
  for (int64_t i = 0; i < count; ++i)
    // From both ends: the last element is `end` exactly, and the middle has half the rounding error.
    data[i] = i < count / 2 ? from + static_cast<double>(i) * step : to - static_cast<double>(count - 1 - i) * step;
  if (count == 1) data[0] = from;
  return finish(host, typed);
}

Tensor eye(int64_t n, int64_t m, const TensorOptions& options) {
  FARRO_CHECK(n >= 0, ValueError, "eye: n must not be negative, got ", n);
  FARRO_CHECK(m >= -1, ValueError, "eye: m must not be negative, but for -1 (as n), got ", m);
  const int64_t columns = m < 0 ? n : m;
  Tensor host = host_empty("eye", {n, columns}, DType::f64);
  double* data = host.data<double>();
  std::fill_n(data, host.numel(), 0.0);
  for (int64_t i = 0; i < std::min(n, columns); ++i) data[i * columns + i] = 1;
  return finish(host, {options.dtype.value_or(default_dtype()), options.device, options.requires_grad});
}

namespace {

// The value as the number that holds() judges.
template <class T>
Scalar number_of(T value) {
  if constexpr (std::is_arithmetic_v<T>)
    return value;
  else
    return static_cast<float>(value);
}

template <class T>
void check_values(const std::vector<T>& values, DType dtype) {
  if (dtype == dtype_of<T> || dtype == DType::boolean || dtype == DType::f64) return;
  for (size_t i = 0; i < values.size(); ++i) {
    const T value = values[i];
    if (!holds(dtype, number_of(value))) check_holds("tensor", "each value", number_of(value), dtype);
  }
}

}  // namespace

template <ElementType T>
Tensor tensor(const std::vector<T>& values, const Shape& sizes, TensorOptions options) {
  const int64_t numel = checked_numel("tensor", sizes);
  FARRO_CHECK(numel == static_cast<int64_t>(values.size()), ShapeError, "tensor: values must fill the shape ", sizes,
              " (", numel, " elements), got ", values.size());
  if (options.dtype) check_values(values, *options.dtype);
  Tensor host = host_empty("tensor", sizes, dtype_of<T>);
  T* data = host.data<T>();
  for (size_t i = 0; i < values.size(); ++i) data[i] = values[i];
  return finish(host, options);
}
template <ElementType T>
Tensor tensor(const std::vector<T>& values, TensorOptions options) {
  return tensor(values, {static_cast<int64_t>(values.size())}, options);
}

Tensor tensor(std::initializer_list<Scalar> values, TensorOptions options) {
  return detail::tensor_of_numbers({values.begin(), values.size()}, options);
}
Tensor detail::tensor_of_numbers(std::span<const Scalar> values, TensorOptions options) {
  const DType dtype = options.dtype.value_or(default_dtype());
  for (const Scalar& value : values) check_holds("tensor", "each value", value, dtype);
  Tensor host = host_empty("tensor", {static_cast<int64_t>(values.size())}, compute_type(dtype));
  visit_dtype(host.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* data = static_cast<T*>(host.raw_data());
    for (const Scalar& value : values) {
      if constexpr (std::is_floating_point_v<T>)
        *data++ = value.to_real<T>();
      else
        *data++ = static_cast<T>(dtype == DType::boolean ? value.to_double() != 0 : value.to_int());
    }
  });
  return finish(host, {dtype, options.device, options.requires_grad});
}

Tensor scalar_tensor(Scalar value, TensorOptions options) {
  return filled("scalar_tensor", {}, value, options, options.dtype.value_or(value.dtype()));
}

// --- reading back

template <ElementType T>
T Tensor::item() const {
  check_defined("item", "tensor", *this);
  FARRO_CHECK(numel() == 1, ShapeError, "item: tensor must have one element, got ", *this);
  FARRO_CHECK(!is_meta(), DeviceError, "item: tensor must have data, got ", *this);
  if (dtype() != dtype_of<T>) {
    const Scalar value = is_floating(dtype()) ? Scalar(to_vector<double>()[0]) : Scalar(to_vector<int64_t>()[0]);
    check_holds("item", "the element", value, dtype_of<T>);
  }
  return to_vector<T>()[0];
}

template <ElementType T>
std::vector<T> Tensor::to_vector() const {
  check_defined("to_vector", "tensor", *this);
  // Waits for the device, if the tensor is on one.
  const Tensor host = detach().to(Device::cpu(), dtype_of<T>).contiguous();
  const T* data = host.data<T>();
  return std::vector<T>(data, data + host.numel());
}

// For each of the element types.
#define FARRO_HOST_VALUES(T)                                                  \
  template Tensor tensor(const std::vector<T>&, const Shape&, TensorOptions); \
  template Tensor tensor(const std::vector<T>&, TensorOptions);               \
  template T Tensor::item() const;                                            \
  template std::vector<T> Tensor::to_vector() const
FARRO_HOST_VALUES(double);
FARRO_HOST_VALUES(float);
FARRO_HOST_VALUES(half);
FARRO_HOST_VALUES(bfloat16);
FARRO_HOST_VALUES(int64_t);
FARRO_HOST_VALUES(long long);
FARRO_HOST_VALUES(int32_t);
FARRO_HOST_VALUES(int16_t);
FARRO_HOST_VALUES(int8_t);
FARRO_HOST_VALUES(uint8_t);
FARRO_HOST_VALUES(bool);
#undef FARRO_HOST_VALUES

}  // namespace farro
