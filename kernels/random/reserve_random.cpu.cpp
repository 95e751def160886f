// SPDX-License-Identifier: Apache-2.0
// reserve_random on the CPU, atomic: threads that draw from one generator at the same time get ranges of their own.
#include <farro/core/op/op_table.h>
#include <farro/kernels/random/reserve_random.op.h>

namespace farro::FARRO_ISA {

namespace {

void reserve_random_kernel(Ctx&, const ReserveRandom::Args& args, Outputs<ReserveRandom>&) {
  auto* const offset = static_cast<uint64_t*>(args.offset.raw_data());
  *static_cast<uint64_t*>(args.first.raw_data()) =
      __atomic_fetch_add(offset, static_cast<uint64_t>(args.blocks), __ATOMIC_RELAXED);
}

}  // namespace

void register_reserve_random_cpu();
void register_reserve_random_cpu() { register_kernel<ReserveRandom>(DeviceType::cpu, &reserve_random_kernel); }

}  // namespace farro::FARRO_ISA
