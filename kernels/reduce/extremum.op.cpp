// SPDX-License-Identifier: Apache-2.0
// amax, amin, max, min, argmax and argmin as ops. Without a dimension, equal extremes share the gradient evenly; along
// a dimension the element whose index is returned gets all of it.
#include <farro/kernels/reduce/extremum.op.h>

#include <farro/autograd/call/call.h>
#include <farro/core/tensor/number.h>
#include <farro/kernels/index/gather.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/pointwise/choose.h>
#include <farro/kernels/pointwise/compare.h>
#include <farro/kernels/reduce/extremum.h>
#include <farro/kernels/reduce/sum.h>

namespace farro {

namespace {

void check_not_empty(const char* op, const Tensor& input, const Dims& dims) {
  FARRO_CHECK(reduced_count(input.sizes(), reduced_dims(op, input, dims)) > 0, ShapeError, op,
              ": input must have elements to choose from, got ", input.sizes(), " reduced over ",
              dims.empty() ? std::string("all dimensions") : to_string(dims), " (input: ", input, ")");
}

}  // namespace

template <class Op>
TensorSpec Extremum<Op>::infer(const Args& args) {
  check_not_empty(Op::info.name, args.input, args.dims);
  return reduce_spec(Op::info.name, args.input, args.dims, args.keepdim, args.input.dtype());
}
template <class Op>
Grads Extremum<Op>::backward(const Back<Op>& b) {
  const ReducedFrom from(Op::info.name, b.args.input, b.args.dims);
  // Where an input is NaN, so is the result.
  const Tensor input = b.args.input, chosen = logical_or(input == from.keep(b.out[0]), isnan(input));
  const Tensor ties = sum(chosen, from.dims(), true);
  return {masked_fill(from.keep(b.grad[0]) / ties, logical_not(chosen), 0)};
}

template <class Op>
std::array<TensorSpec, 2> IndexedExtremum<Op>::infer(const Args& args) {
  const TensorSpec values = reduce_spec(Op::info.name, args.input, {args.dim}, args.keepdim, args.input.dtype());
  check_not_empty(Op::info.name, args.input, {args.dim});
  return {values, TensorSpec(values.sizes, DType::i64, values.device)};
}
template <class Op>
Grads IndexedExtremum<Op>::backward(const Back<Op>& b) {
  const ReducedFrom from(Op::info.name, b.args.input, {b.args.dim});
  // Only the indices were used, which have no gradient.
  if (!b.grad[0].defined()) return Grads(1);
  if (from.sizes.empty()) return {b.grad[0]};
  const Tensor nothing = zeros(from.sizes, {.dtype = b.grad[0].dtype(), .device = b.grad[0].device()});
  return {scatter_add(nothing, from.dims()[0], from.keep(b.out[1]), from.keep(b.grad[0]))};
}

template <class Op>
TensorSpec ArgExtremum<Op>::infer(const Args& args) {
  const TensorSpec spec = reduce_spec(Op::info.name, args.input, {args.dim}, args.keepdim, DType::i64);
  check_not_empty(Op::info.name, args.input, {args.dim});
  return spec;
}

void register_extremum();
void register_extremum() { register_ops<AMax, AMin, MaxDim, MinDim, ArgMax, ArgMin>(); }

namespace {

template <class Op>
std::pair<Tensor, Tensor> indexed(const Tensor& input, int64_t dim, bool keepdim) {
  auto [values, indices] = call<Op>({input, dim, keepdim});
  return {std::move(values), std::move(indices)};
}

}  // namespace

Tensor amax(const Tensor& input, const Dims& dims, bool keepdim) {
  return call<AMax>({.input = input, .dims = dims, .keepdim = keepdim});
}
Tensor amin(const Tensor& input, const Dims& dims, bool keepdim) {
  return call<AMin>({.input = input, .dims = dims, .keepdim = keepdim});
}
Tensor max(const Tensor& input) {
  check_defined("max", "input", input);
  check_not_empty("max", input, {});
  return amax(input);
}
Tensor min(const Tensor& input) {
  check_defined("min", "input", input);
  check_not_empty("min", input, {});
  return amin(input);
}
std::pair<Tensor, Tensor> max(const Tensor& input, int64_t dim, bool keepdim) {
  check_defined("max", "input", input);
  return indexed<MaxDim>(input, dim, keepdim);
}
std::pair<Tensor, Tensor> min(const Tensor& input, int64_t dim, bool keepdim) {
  check_defined("min", "input", input);
  return indexed<MinDim>(input, dim, keepdim);
}
Tensor argmax(const Tensor& input, int64_t dim, bool keepdim) {
  return call<ArgMax>({.input = input, .dim = dim, .keepdim = keepdim});
}
Tensor argmin(const Tensor& input, int64_t dim, bool keepdim) {
  return call<ArgMin>({.input = input, .dim = dim, .keepdim = keepdim});
}
Tensor argmax(const Tensor& input) {
  check_defined("argmax", "input", input);
  return argmax(input.detach().flatten(), 0);
}
Tensor argmin(const Tensor& input) {
  check_defined("argmin", "input", input);
  return argmin(input.detach().flatten(), 0);
}

Tensor Tensor::max() const { return farro::max(*this); }
Tensor Tensor::min() const { return farro::min(*this); }
Tensor Tensor::argmax() const { return farro::argmax(*this); }
Tensor Tensor::argmax(int64_t dim, bool keepdim) const { return farro::argmax(*this, dim, keepdim); }

}  // namespace farro
