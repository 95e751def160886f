// SPDX-License-Identifier: Apache-2.0
// tril, triu and flip as ops, each its own gradient's; roll is made of views and cat.
#include <farro/kernels/index/rearrange.op.h>

#include <farro/autograd/call/call.h>
#include <farro/core/tensor/number.h>
#include <farro/kernels/index/join.h>
#include <farro/kernels/index/rearrange.h>

namespace farro {

namespace {

TensorSpec triangle_spec(const char* op, const Tensor& input) {
  FARRO_CHECK(input.dim() >= 2, ShapeError, op, ": input must have at least two dimensions, got ", input);
  return TensorSpec(input.sizes(), input);
}

Cost move_cost(const Tensor& input) { return {0, 2 * static_cast<double>(input.nbytes())}; }

// Along one dimension; 0 <= shift < size.
Tensor rolled(const Tensor& input, int dim, int64_t shift) {
  const int64_t rest = input.sizes()[dim] - shift;
  return cat({input.narrow(dim, rest, shift), input.narrow(dim, 0, rest)}, dim);
}

}  // namespace

TensorSpec Tril::infer(const Args& args) { return triangle_spec(info.name, args.input); }
Grads Tril::backward(const Back<Tril>& b) { return {tril(b.grad[0], b.args.diagonal)}; }
Cost Tril::cost(const Args& args) { return move_cost(args.input); }

TensorSpec Triu::infer(const Args& args) { return triangle_spec(info.name, args.input); }
Grads Triu::backward(const Back<Triu>& b) { return {triu(b.grad[0], b.args.diagonal)}; }
Cost Triu::cost(const Args& args) { return move_cost(args.input); }

TensorSpec Flip::infer(const Args& args) { return TensorSpec(args.input.sizes(), args.input); }
Grads Flip::backward(const Back<Flip>& b) { return {flip(b.grad[0], b.args.dims)}; }
Cost Flip::cost(const Args& args) { return move_cost(args.input); }

void register_rearrange();
void register_rearrange() { register_ops<Tril, Triu, Flip>(); }

Tensor tril(const Tensor& input, int64_t diagonal) { return call<Tril>({input, diagonal}); }
Tensor triu(const Tensor& input, int64_t diagonal) { return call<Triu>({input, diagonal}); }

Tensor flip(const Tensor& input, const Dims& dims) {
  check_defined("flip", "input", input);
  Dims order = dims;
  unsigned seen = 0;
  for (int64_t& d : order) {
    d = normalize_dim("flip", d, input.dim());
    FARRO_CHECK(!(seen >> d & 1u), ValueError, "flip: dims must name a dimension once, got ", dims);
    seen |= 1u << d;
  }
  return call<Flip>({input, input.dim() ? order : Dims{}});
}

Tensor roll(const Tensor& input, const Dims& shifts, const Dims& dims) {
  check_defined("roll", "input", input);
  if (dims.empty()) {
    FARRO_CHECK(shifts.size() == 1, ValueError, "roll: shifts must be one number without dims, got ", shifts);
    return roll(input.reshape({-1}), shifts, {0}).reshape(input.sizes());
  }
  FARRO_CHECK(shifts.size() == dims.size(), ValueError, "roll: shifts must have as many entries as dims, got ", shifts,
              " and ", dims);
  // Dimension by dimension: a roll along several is the product of single ones. Shifts are taken modulo the size, to
  // [0, size).
  Tensor out = input;
  for (int k = 0; k < dims.size(); ++k) {
    const int dim = normalize_dim("roll", dims[k], input.dim());
    const int64_t size = input.dim() ? input.sizes()[dim] : 1;
    const int64_t rest = size ? shifts[k] % size : 0, shift = rest < 0 ? rest + size : rest;
    if (shift) out = rolled(out, dim, shift);
  }
  return out.is_same(input) ? input.clone() : out;
}

}  // namespace farro
