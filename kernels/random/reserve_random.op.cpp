// SPDX-License-Identifier: Apache-2.0
// reserve_random, and how draws take their ranges from a generator: by a number on the host, or by this op where the
// generator is capturable.
#include <farro/kernels/random/reserve_random.op.h>

#include <farro/autograd/call/mutate.h>
#include <farro/core/tensor/number.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/random/reserve_random.h>

namespace farro {

void check_offset(const char* op, const Tensor& offset) {
  if (!offset.defined()) return;
  FARRO_CHECK(offset.dtype() == DType::i64, DTypeError, op, ": offset must have dtype i64, got ", offset);
  FARRO_CHECK(offset.dim() == 0, ShapeError, op, ": offset must be 0-dim, got ", offset);
}

void ReserveRandom::check(const Args& args) {
  check_offset("reserve_random", args.offset);
  FARRO_CHECK(args.blocks >= 0, ValueError, "reserve_random: blocks must be at least 0, got ", args.blocks);
}
// One addition; the offset is read and written, and its old value written.
Cost ReserveRandom::cost(const Args&) { return {1, 3 * sizeof(int64_t)}; }

void register_reserve_random();
void register_reserve_random() { register_op<ReserveRandom>(); }

Tensor reserve_random(Tensor& offset, int64_t blocks) {
  check_defined("reserve_random", "offset", offset);
  const Tensor first = empty({}, {.dtype = DType::i64, .device = offset.device()});
  call_mutating<ReserveRandom>({.offset = offset, .first = first, .blocks = blocks});
  return first;
}

DrawRange reserve_range(Generator& generator, Device device, int64_t blocks) {
  Tensor offset = generator.offset_on(device);
  if (!offset.defined()) return {generator.reserve(static_cast<uint64_t>(blocks)), {}};
  return {generator.key(), reserve_random(offset, blocks)};
}

}  // namespace farro
