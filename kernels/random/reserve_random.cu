// SPDX-License-Identifier: Apache-2.0
// reserve_random on the device, atomic for draws on several streams.
#include <farro/core/op/op_table.h>
#include <farro/kernels/random/reserve_random.op.h>
#include <farro/kernels/simt/atomic.h>
#include <farro/kernels/simt/launch.h>

namespace farro {

namespace {

__global__ void take_range(unsigned long long* offset, unsigned long long* first, unsigned long long blocks) {
  *first = simt::atomic_add(offset, blocks);
}

void reserve_random_kernel(Ctx& ctx, const ReserveRandom::Args& args, Outputs<ReserveRandom>&) {
  simt::launch(take_range, {.name = "reserve_random", .grid = 1, .block = 1}, ctx.stream(),
               static_cast<unsigned long long*>(args.offset.raw_data()),
               static_cast<unsigned long long*>(args.first.raw_data()), static_cast<unsigned long long>(args.blocks));
}

}  // namespace

void register_reserve_random_cuda();
void register_reserve_random_cuda() { register_kernel<ReserveRandom>(DeviceType::cuda, &reserve_random_kernel); }

}  // namespace farro
