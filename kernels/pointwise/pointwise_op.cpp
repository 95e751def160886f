// SPDX-License-Identifier: Apache-2.0
// What elementwise ops share: the dtype, device and layout of the result, and the cost. The common case, equal shapes
// and dtypes, is decided by a few comparisons.
#include <farro/kernels/pointwise/pointwise_op.h>

#include <array>

namespace farro {

namespace {

DType result_of(PointwiseKind kind, DType computed) noexcept {
  return kind == PointwiseKind::comparison || kind == PointwiseKind::logical ? DType::boolean : computed;
}

Device device_of(TensorList inputs) noexcept {
  for (const Tensor& input : inputs)
    // A CPU number may stand beside tensors of any device.
    if (!(input.dim() == 0 && input.is_cpu())) return input.device();
  return inputs[0].device();
}

// Of the inputs that have the result's full shape, the common strides if they are dense and not row-major.
void keep_layout(TensorSpec& spec, TensorList inputs) noexcept {
  const TensorImpl* first = nullptr;
  for (const Tensor& input : inputs) {
    const TensorImpl& impl = *input.impl();
    if (impl.sizes != spec.sizes) continue;
    if (!first) {
      first = &impl;
    } else if (impl.strides != first->strides) {
      return;
    }
  }
  if (!first || first->contiguous || !is_dense(first->sizes, first->strides)) return;
  spec.strided = true;
  spec.strides = first->strides;
}

}  // namespace

namespace {
// Apart, so that the path of a + b needs no stack frame for it.
[[gnu::noinline]] TensorSpec pair_spec(const char* op, PointwiseKind kind, const Tensor& a, const Tensor& b) {
  const Tensor both[] = {a, b};
  return pointwise_spec(op, kind, TensorList(both));
}
}  // namespace

DType pointwise_dtype(PointwiseKind kind, TensorList inputs) noexcept {
  switch (kind) {
    case PointwiseKind::floating: return floating_result_type(inputs);
    case PointwiseKind::logical: return DType::boolean;
    default: return result_type(inputs);
  }
}

DType pointwise_compute(PointwiseKind kind, std::span<const Tensor* const> inputs) noexcept {
  const DType dtype = inputs[0]->impl()->dtype;
  bool same = kind != PointwiseKind::floating || is_floating(dtype);
  for (const Tensor* input : inputs) same = same && input->impl()->dtype == dtype;
  if (same) [[likely]]
    return compute_type(dtype);
  std::array<Tensor, kMaxPointwiseInputs> tensors;
  for (size_t k = 0; k < inputs.size(); ++k) tensors[k] = *inputs[k];
  const TensorList list(tensors.data(), inputs.size());
  return compute_type(kind == PointwiseKind::floating ? floating_result_type(list) : result_type(list));
}

TensorSpec pointwise_spec(const char* op, PointwiseKind kind, TensorList inputs) {
  Shape sizes = inputs[0].sizes();
  for (const Tensor& input : inputs.subspan(1)) sizes = broadcast_shapes(op, sizes, input.sizes());
  TensorSpec spec(sizes, result_of(kind, pointwise_dtype(kind, inputs)), device_of(inputs));
  keep_layout(spec, inputs);
  return spec;
}

TensorSpec pointwise_spec(const char* op, PointwiseKind kind, const Tensor& a, const Tensor& b) {
  const TensorImpl &x = *a.impl(), &y = *b.impl();
  if (x.sizes == y.sizes && x.dtype == y.dtype && x.contiguous && y.contiguous && is_floating(x.dtype)) [[likely]] {
    TensorSpec spec(x.sizes, result_of(kind, x.dtype), x.device.is_cpu() && x.sizes.empty() ? y.device : x.device);
    spec.like = &x;
    return spec;
  }
  return pair_spec(op, kind, a, b);
}

TensorSpec pointwise_spec(const char* op, PointwiseKind kind, const Tensor& a) {
  const TensorImpl& x = *a.impl();
  if (x.contiguous && is_floating(x.dtype)) [[likely]] {
    TensorSpec spec(x.sizes, result_of(kind, x.dtype), x.device);
    spec.like = &x;
    return spec;
  }
  return pointwise_spec(op, kind, TensorList(&a, 1));
}

Cost pointwise_cost(PointwiseKind kind, TensorList inputs, double flops) {
  Shape sizes = inputs[0].sizes();
  for (const Tensor& input : inputs.subspan(1)) sizes = broadcast_shapes("cost", sizes, input.sizes());
  double elements = 1;
  for (int64_t size : sizes) elements *= static_cast<double>(size);
  const DType result = result_of(kind, pointwise_dtype(kind, inputs));
  Cost cost{flops * elements, elements * static_cast<double>(item_size(result))};
  for (const Tensor& input : inputs) cost.bytes += static_cast<double>(input.nbytes());
  return cost;
}

}  // namespace farro
