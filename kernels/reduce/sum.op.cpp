// SPDX-License-Identifier: Apache-2.0
// sum, mean, any and all as ops. Integers are summed in i64, halves in wide accumulators and rounded once.
#include <farro/kernels/reduce/sum.op.h>

#include <farro/autograd/call/call.h>
#include <farro/kernels/reduce/sum.h>

namespace farro {

TensorSpec Sum::infer(const Args& args) {
  const DType dtype = args.input.dtype();
  return reduce_spec(info.name, args.input, args.dims, args.keepdim, is_floating(dtype) ? dtype : DType::i64);
}
Grads Sum::backward(const Back<Sum>& b) {
  const ReducedFrom from(info.name, b.args.input, b.args.dims);
  // A view with strides of 0: no bytes are written.
  return {from.keep(b.grad[0]).expand(from.sizes)};
}

TensorSpec Mean::infer(const Args& args) {
  FARRO_CHECK(is_floating(args.input.dtype()), DTypeError, "mean: input must be floating, got ", args.input.dtype(),
              " (input: ", args.input, ")");
  return reduce_spec(info.name, args.input, args.dims, args.keepdim, args.input.dtype());
}
Grads Mean::backward(const Back<Mean>& b) {
  const ReducedFrom from(info.name, b.args.input, b.args.dims);
  return {from.keep(b.grad[0] / from.count()).expand(from.sizes)};
}

TensorSpec Any::infer(const Args& args) {
  return reduce_spec(info.name, args.input, args.dims, args.keepdim, DType::boolean);
}
TensorSpec All::infer(const Args& args) {
  return reduce_spec(info.name, args.input, args.dims, args.keepdim, DType::boolean);
}

void register_sum();
void register_sum() {
  register_op<Sum>();
  register_op<Mean>();
  register_op<Any>();
  register_op<All>();
}

Tensor sum(const Tensor& input, const Dims& dims, bool keepdim) {
  return call<Sum>({.input = input, .dims = dims, .keepdim = keepdim});
}
Tensor mean(const Tensor& input, const Dims& dims, bool keepdim) {
  return call<Mean>({.input = input, .dims = dims, .keepdim = keepdim});
}
Tensor any(const Tensor& input, const Dims& dims, bool keepdim) {
  return call<Any>({.input = input, .dims = dims, .keepdim = keepdim});
}
Tensor all(const Tensor& input, const Dims& dims, bool keepdim) {
  return call<All>({.input = input, .dims = dims, .keepdim = keepdim});
}

Tensor Tensor::sum() const { return farro::sum(*this); }
Tensor Tensor::sum(const Dims& dims, bool keepdim) const { return farro::sum(*this, dims, keepdim); }
Tensor Tensor::mean() const { return farro::mean(*this); }
Tensor Tensor::mean(const Dims& dims, bool keepdim) const { return farro::mean(*this, dims, keepdim); }
Tensor Tensor::any() const { return farro::any(*this); }
Tensor Tensor::all() const { return farro::all(*this); }

}  // namespace farro
