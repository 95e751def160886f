// SPDX-License-Identifier: Apache-2.0
// Tensor records and handles: factories of uninitialised tensors, views, wrapped numbers and assignment through a view.
#include <farro/core/tensor/tensor.h>

#include <farro/core/dtype/visit.h>
#include <farro/core/tensor/number.h>

#include <algorithm>

namespace farro {

TensorImpl::TensorImpl(Ref<Storage> storage_, int64_t offset_, const Shape& sizes_, const Strides& strides_,
                       int64_t numel_, DType dtype_) noexcept
    : dtype(dtype_),
      device(storage_->device()),
      contiguous(is_contiguous(sizes_, strides_)),
      storage(std::move(storage_)),
      offset(offset_),
      numel(numel_),
      sizes(sizes_),
      strides(strides_) {}

void Tensor::throw_undefined(const char* method) { farro::throw_undefined(method, "tensor"); }

void Scalar::throw_too_large(uint64_t value) { fail<ValueError>("Scalar: value must be below 2^63, got ", value); }

namespace {
// The sole owner of its memory: what is written there is gone with it.
void check_outlives(const Tensor& target) {
  check_defined("operator=", "tensor", target);
  const Storage& storage = *target.storage();
  FARRO_CHECK(
      target.impl()->use_count() > 1 || storage.use_count() > 1 || storage.is_external(), ValueError,
      "operator=: tensor must be a view or a handle of another tensor, got a temporary copy, where the new values "
      "would be lost; index_put_ writes to masks and lists of places (tensor: ",
      target, ")");
}
}  // namespace

Tensor& Tensor::operator=(const Tensor& source) && {
  check_outlives(*this);
  return copy_(source);
}
Tensor& Tensor::operator=(Scalar value) && {
  check_outlives(*this);
  return fill_(value);
}

template <ElementType T>
T* Tensor::data() const {
  check_defined("data", "tensor", *this);
  FARRO_CHECK(dtype() == dtype_of<T>, DTypeError, "data: T must be the tensor's element type, got ", dtype_of<T>,
              " (tensor: ", *this, ")");
  return static_cast<T*>(raw_data());
}
template double* Tensor::data() const;
template float* Tensor::data() const;
template half* Tensor::data() const;
template bfloat16* Tensor::data() const;
template int64_t* Tensor::data() const;
template long long* Tensor::data() const;
template int32_t* Tensor::data() const;
template int16_t* Tensor::data() const;
template int8_t* Tensor::data() const;
template uint8_t* Tensor::data() const;
template bool* Tensor::data() const;

std::string to_string(const Tensor& tensor) {
  if (!tensor.defined()) return "undefined";
  return str(tensor.dtype(), " ", tensor.sizes(), " ", tensor.device());
}

std::string to_string(const Scalar& scalar) {
  if (scalar.is_floating()) return str(scalar.to_double());
  return scalar.is_bool() ? str(scalar.to_int() != 0) : str(scalar.to_int());
}

namespace {

Tensor allocate(const char* op, const Shape& sizes, const Strides& strides, int64_t storage_elements,
                const TensorOptions& options) {
  const DType dtype = options.dtype.value_or(default_dtype());
  const Device device = options.device.value_or(default_device());
  const int64_t numel = checked_numel(op, sizes);
  const int64_t bytes = checked_bytes(op, storage_elements, item_size(dtype));
  Tensor out(Ref<TensorImpl>::adopt(
      new TensorImpl(Storage::create(static_cast<size_t>(bytes), device), 0, sizes, strides, numel, dtype)));
  if (options.requires_grad) out.set_requires_grad();
  return out;
}

}  // namespace

Tensor empty(const Shape& sizes, const TensorOptions& options) {
  const int64_t numel = checked_numel("empty", sizes);
  return allocate("empty", sizes, contiguous_strides(sizes), numel, options);
}

Tensor empty_strided(const Shape& sizes, const Strides& strides, const TensorOptions& options) {
  return allocate("empty_strided", sizes, strides, checked_reach("empty_strided", sizes, strides), options);
}

Tensor empty_like(const Tensor& like) {
  check_defined("empty_like", "like", like);
  const TensorOptions options{.dtype = like.dtype(), .device = like.device()};
  // Dense in some order of dimensions: keep that order.
  if (!like.is_contiguous() && is_dense(like.sizes(), like.strides()))
    return empty_strided(like.sizes(), like.strides(), options);
  return empty(like.sizes(), options);
}

Tensor from_blob(void* data, const Shape& sizes, const TensorOptions& options, std::function<void()> deleter) {
  checked_numel("from_blob", sizes);
  return from_blob(data, sizes, contiguous_strides(sizes), options, std::move(deleter));
}

Tensor from_blob(void* data, const Shape& sizes, const Strides& strides, const TensorOptions& options,
                 std::function<void()> deleter) {
  const DType dtype = options.dtype.value_or(default_dtype());
  // The memory must hold what the strides reach, which may be more than the elements.
  const int64_t elements = checked_reach("from_blob", sizes, strides);
  FARRO_CHECK(data || elements == 0, ValueError, "from_blob: data must not be null for sizes ", sizes);
  const int64_t bytes = checked_bytes("from_blob", elements, item_size(dtype));
  auto storage =
      Storage::wrap(data, static_cast<size_t>(bytes), options.device.value_or(Device::cpu()), std::move(deleter));
  Tensor out(Ref<TensorImpl>::adopt(
      new TensorImpl(std::move(storage), 0, sizes, strides, checked_numel("from_blob", sizes), dtype)));
  if (options.requires_grad) out.set_requires_grad();
  return out;
}

namespace {
Tensor wrapped(Scalar value, DType dtype) {
  Tensor out(
      Ref<TensorImpl>::adopt(new TensorImpl(Storage::create(item_size(dtype), Device::cpu()), 0, {}, {}, 1, dtype)));
  // Marks a C++ number, which counts less in promotion than a tensor without dimensions.
  out.impl()->wrapped_number = true;
  visit_dtype(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_integral_v<T>) {
      *static_cast<T*>(out.raw_data()) = static_cast<T>(value.to_int());
    } else if constexpr (std::is_floating_point_v<T>) {
      *static_cast<T*>(out.raw_data()) = value.to_real<T>();
    } else {
      *static_cast<T*>(out.raw_data()) = T(value.to_real<float>());
    }
  });
  return out;
}
}  // namespace

Tensor wrap_number(Scalar value) { return wrapped(value, value.dtype()); }
Tensor wrap_number(Scalar value, const Tensor& beside) {
  const DType dtype = beside.dtype();
  // Beside a half type the number is f32: kernels compute in f32, and 0.1 rounded to bf16 first would be 0.1001.
  return wrapped(value, dtype == DType::f64 ? DType::f64 : is_floating(dtype) ? DType::f32 : value.dtype());
}

Tensor make_view(const Tensor& of, const Shape& sizes, const Strides& strides, int64_t offset) {
  int64_t numel = 1;
  // Unchecked: the sizes of a view are no more elements than its base's check has passed, or were checked by the
  // caller.
  for (int64_t size : sizes) numel *= size;
  Tensor out(Ref<TensorImpl>::adopt(new TensorImpl(of.storage(), offset, sizes, strides, numel, of.dtype())));
  out.impl()->inference = of.impl()->inference;
  return out;
}

}  // namespace farro
