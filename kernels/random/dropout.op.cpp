// SPDX-License-Identifier: Apache-2.0
// dropout as an op. The random state is an argument of the call: its gradient is the same op with the same state.
#include <farro/kernels/random/dropout.op.h>

#include <farro/autograd/call/call.h>
#include <farro/core/tensor/number.h>
#include <farro/kernels/random/dropout.h>
#include <farro/kernels/random/reserve_random.op.h>

namespace farro {

TensorSpec Dropout::infer(const Args& args) {
  check_offset("dropout", args.offset);
  FARRO_CHECK(is_floating(args.x.dtype()), DTypeError, "dropout: x must have a floating dtype, got ", args.x.dtype(),
              " (x: ", args.x, ")");
  FARRO_CHECK(args.p >= 0 && args.p <= 1, ValueError, "dropout: p must be in [0, 1], got ", args.p);
  return TensorSpec(args.x.sizes(), args.x);
}
Grads Dropout::backward(const Back<Dropout>& b) {
  return {call<Dropout>({.x = b.grad[0], .p = b.args.p, .random = b.args.random, .offset = b.args.offset}), Tensor()};
}
Cost Dropout::cost(const Args& args) {
  return {static_cast<double>(args.x.numel()), 2 * static_cast<double>(args.x.nbytes())};
}

void register_dropout();
void register_dropout() { register_op<Dropout>(); }

Tensor dropout(const Tensor& x, double p, bool training, Generator* generator) {
  check_defined("dropout", "x", x);
  DrawRange range;
  Dropout::infer({x, p, range.random, range.offset});
  if (!training || p == 0) return x;
  if (!x.is_meta()) {
    Generator& source = generator ? *generator : default_generator(x.device());
    range = reserve_range(source, x.device(), (x.numel() + 3) / 4);
  }
  return call<Dropout>({.x = x, .p = p, .random = range.random, .offset = range.offset});
}

}  // namespace farro
