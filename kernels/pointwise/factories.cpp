#include <farro/kernels/pointwise/factories.h>

#include <farro/core/dtype/visit.h>

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

Tensor host_empty(const Shape& sizes, DType dtype) { return empty(sizes, {.dtype = dtype, .device = Device::cpu()}); }

}  // namespace

Tensor full(const Shape& sizes, Scalar value, TensorOptions options) {
  const bool requires_grad = std::exchange(options.requires_grad, false);
  if (!options.dtype) options.dtype = value.dtype();
  Tensor out = empty(sizes, options);
  out.fill_(value);
  if (requires_grad) out.set_requires_grad();
  return out;
}
Tensor zeros(const Shape& sizes, const TensorOptions& options) { return full(sizes, 0.0, options); }
Tensor ones(const Shape& sizes, const TensorOptions& options) { return full(sizes, 1.0, options); }

Tensor full_like(const Tensor& like, Scalar value) {
  Tensor out = empty_like(like);
  out.fill_(value);
  return out;
}
Tensor zeros_like(const Tensor& like) { return full_like(like, 0); }
Tensor ones_like(const Tensor& like) { return full_like(like, 1); }

Tensor arange(Scalar start, Scalar end, Scalar step, TensorOptions options) {
  const bool real = start.is_floating() || end.is_floating() || step.is_floating();
  const double distance = end.to_double() - start.to_double(), stride = step.to_double();
  FARRO_CHECK(stride != 0 && distance / stride >= 0 && std::isfinite(distance / stride), ValueError,
              "arange: step must be non-zero and lead from start to end, got start ", start, ", end ", end, ", step ", step);
  const int64_t count = static_cast<int64_t>(std::ceil(distance / stride));
  if (!options.dtype) options.dtype = real ? default_dtype() : DType::i64;
  Tensor host = host_empty({count}, real ? DType::f64 : DType::i64);
  if (real) {
    double* data = host.data<double>();
    for (int64_t i = 0; i < count; ++i) data[i] = start.to_double() + static_cast<double>(i) * stride;
  } else {
    int64_t* data = host.data<int64_t>();
    for (int64_t i = 0; i < count; ++i) data[i] = start.to_int() + i * step.to_int();
  }
  return finish(host, options);
}
Tensor arange(Scalar end, TensorOptions options) { return arange(0, end, 1, options); }

Tensor linspace(double start, double end, int64_t count, const TensorOptions& options) {
  FARRO_CHECK(count >= 0, ValueError, "linspace: count must not be negative, got ", count);
  Tensor host = host_empty({count}, DType::f64);
  double* data = host.data<double>();
  const double step = count > 1 ? (end - start) / static_cast<double>(count - 1) : 0;
  for (int64_t i = 0; i < count; ++i)
    data[i] = i < count / 2 ? start + static_cast<double>(i) * step : end - static_cast<double>(count - 1 - i) * step;
  if (count == 1) data[0] = start;
  return finish(host, {options.dtype.value_or(default_dtype()), options.device, options.requires_grad});
}

Tensor eye(int64_t n, int64_t m, const TensorOptions& options) {
  const int64_t columns = m < 0 ? n : m;
  Tensor host = zeros({n, columns}, {.dtype = DType::f64, .device = Device::cpu()});
  double* data = host.data<double>();
  for (int64_t i = 0; i < std::min(n, columns); ++i) data[i * columns + i] = 1;
  return finish(host, {options.dtype.value_or(default_dtype()), options.device, options.requires_grad});
}

template <class T>
Tensor tensor(const std::vector<T>& values, const Shape& sizes, TensorOptions options) {
  const int64_t numel = checked_numel("tensor", sizes);
  FARRO_CHECK(numel == static_cast<int64_t>(values.size()), ShapeError, "tensor: values must fill the shape ", sizes,
              " (", numel, " elements), got ", values.size());
  Tensor host = host_empty(sizes, dtype_of<T>);
  T* data = host.data<T>();
  for (size_t i = 0; i < values.size(); ++i) data[i] = values[i];
  return finish(host, options);
}
template <class T>
Tensor tensor(const std::vector<T>& values, TensorOptions options) {
  return tensor(values, {static_cast<int64_t>(values.size())}, options);
}
template Tensor tensor(const std::vector<double>&, const Shape&, TensorOptions);
template Tensor tensor(const std::vector<float>&, const Shape&, TensorOptions);
template Tensor tensor(const std::vector<int64_t>&, const Shape&, TensorOptions);
template Tensor tensor(const std::vector<int32_t>&, const Shape&, TensorOptions);
template Tensor tensor(const std::vector<uint8_t>&, const Shape&, TensorOptions);
template Tensor tensor(const std::vector<bool>&, const Shape&, TensorOptions);
template Tensor tensor(const std::vector<double>&, TensorOptions);
template Tensor tensor(const std::vector<float>&, TensorOptions);
template Tensor tensor(const std::vector<int64_t>&, TensorOptions);
template Tensor tensor(const std::vector<int32_t>&, TensorOptions);
template Tensor tensor(const std::vector<uint8_t>&, TensorOptions);
template Tensor tensor(const std::vector<bool>&, TensorOptions);

Tensor tensor(std::initializer_list<double> values, TensorOptions options) {
  if (!options.dtype) options.dtype = default_dtype();
  return tensor(std::vector<double>(values), options);
}

Tensor scalar_tensor(Scalar value, TensorOptions options) { return full({}, value, options); }

// --- reading back

template <class T>
T Tensor::item() const {
  FARRO_CHECK(numel() == 1, ShapeError, "item: tensor must have one element, got ", *this);
  return to_vector<T>()[0];
}

template <class T>
std::vector<T> Tensor::to_vector() const {
  const Tensor host = detach().to(Device::cpu(), dtype_of<T>).contiguous();
  const T* data = host.data<T>();
  return std::vector<T>(data, data + host.numel());
}

template double Tensor::item() const;
template float Tensor::item() const;
template int64_t Tensor::item() const;
template int32_t Tensor::item() const;
template uint8_t Tensor::item() const;
template bool Tensor::item() const;
template std::vector<double> Tensor::to_vector() const;
template std::vector<float> Tensor::to_vector() const;
template std::vector<int64_t> Tensor::to_vector() const;
template std::vector<int32_t> Tensor::to_vector() const;
template std::vector<uint8_t> Tensor::to_vector() const;
template std::vector<bool> Tensor::to_vector() const;

}  // namespace farro
