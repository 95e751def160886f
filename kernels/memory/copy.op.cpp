// SPDX-License-Identifier: Apache-2.0
// Copies and fills as ops: clone, contiguous, to, copy_, fill_ and zero_. A copy's gradient is the copy back, to the
// dtype and device that the source had.
#include <farro/kernels/memory/copy.op.h>

#include <farro/autograd/call/inplace.h>
#include <farro/core/tensor/number.h>
#include <farro/kernels/memory/factories.h>

namespace farro {

TensorSpec Copy::infer(const Args& args) {
  TensorSpec spec(args.source.sizes(), args.dtype, args.device);
  if (args.format == MemoryFormat::channels_last) {
    FARRO_CHECK(args.source.dim() == 4 || args.source.dim() == 5, ShapeError,
                "contiguous: tensor must have 4 or 5 dimensions for channels_last, got ", args.source);
    spec.channels_last = true;
  }
  return spec;
}
Grads Copy::backward(const Back<Copy>& b) { return {b.grad[0].to(b.device, b.args.source.dtype())}; }
Cost Copy::cost(const Args& args) {
  return {0, static_cast<double>(args.source.nbytes()) +
                 static_cast<double>(args.source.numel()) * static_cast<double>(item_size(args.dtype))};
}

TensorSpec CopyInto::infer(const Args& args) {
  const Shape sizes = broadcast_shapes("copy_", args.target.sizes(), args.source.sizes());
  FARRO_CHECK(sizes == args.target.sizes(), ShapeError, "copy_: source must broadcast to the tensor's shape ",
              args.target.sizes(), ", got ", args.source);
  return TensorSpec(sizes, args.target);
}
Grads CopyInto::backward(const Back<CopyInto>& b) {
  // Nothing of the target's old values is left; the source's gradient is summed to its shape by the engine.
  return {b.need[0] ? zeros_like(b.grad[0]) : Tensor(), b.need[1] ? b.grad[0] : Tensor()};
}
Cost CopyInto::cost(const Args& args) {
  return {0, static_cast<double>(args.target.nbytes()) + static_cast<double>(args.source.nbytes())};
}

TensorSpec Fill::infer(const Args& args) { return TensorSpec(args.target.sizes(), args.target); }
Grads Fill::backward(const Back<Fill>& b) { return {zeros_like(b.grad[0])}; }
Cost Fill::cost(const Args& args) { return {0, static_cast<double>(args.target.nbytes())}; }

void register_copy();
void register_copy() { register_ops<Copy, CopyInto, Fill>(); }

namespace {
// In the source's own format.
Tensor copy(const Tensor& source, DType dtype, Device device) {
  const bool channels_last = !source.is_contiguous() && source.is_contiguous(MemoryFormat::channels_last);
  return call<Copy>({.source = source,
                     .dtype = dtype,
                     .device = device,
                     .format = channels_last ? MemoryFormat::channels_last : MemoryFormat::contiguous});
}
}  // namespace

Tensor Tensor::clone() const {
  check_defined("clone", "tensor", *this);
  return copy(*this, dtype(), device());
}
Tensor Tensor::contiguous(MemoryFormat format) const {
  check_defined("contiguous", "tensor", *this);
  if (is_contiguous(format)) return *this;
  return call<Copy>({.source = *this, .dtype = dtype(), .device = device(), .format = format});
}
Tensor Tensor::to(DType dtype) const {
  check_defined("to", "tensor", *this);
  return to(device(), dtype);
}
Tensor Tensor::to(Device device) const {
  check_defined("to", "tensor", *this);
  return to(device, dtype());
}
Tensor Tensor::to(Device device, DType dtype) const {
  check_defined("to", "tensor", *this);
  if (dtype == this->dtype() && device == this->device()) return *this;
  return copy(*this, dtype, device);
}

Tensor& Tensor::copy_(const Tensor& source) {
  check_defined("copy_", "tensor", *this);
  if (is_same(source)) return *this;
  return call_inplace<CopyInto>({*this, source}, *this, "copy_");
}
Tensor& Tensor::fill_(Scalar value) {
  check_holds("fill_", "value", value, "tensor", *this);
  return call_inplace<Fill>({*this, value}, *this);
}
Tensor& Tensor::zero_() {
  check_defined("zero_", "tensor", *this);
  return call_inplace<Fill>({*this, 0}, *this, "zero_");
}

}  // namespace farro
