// SPDX-License-Identifier: Apache-2.0
// dropout on the device: the same words and the same comparison as on the CPU, so the masks are equal to the bit.
#include <farro/autograd/node/grad_mode.h>
#include <farro/core/op/op_table.h>
#include <farro/kernels/random/device_offset.h>
#include <farro/kernels/random/dropout.op.h>
#include <farro/kernels/random/random.op.h>
#include <farro/kernels/simt/convert.h>

namespace farro {

namespace {

// A multiple of the warp, of which 8 blocks fill an SM's 2,048 threads.
constexpr int kThreads = 256;

// One Philox block, so four elements, per thread; C is float, or double for f64.
template <class C>
__global__ void drop(const void* x, void* out, DType dtype, int64_t numel, C scale, uint32_t threshold,
                     PhiloxState random, const int64_t* offset) {
  const int64_t first = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * 4;
  if (first >= numel) return;
  const PhiloxBlock block = philox_block(device::moved(random, offset), static_cast<uint64_t>(first / 4));
  // A block's four words belong to four neighbouring elements.
  for (int i = 0; i < 4 && first + i < numel; ++i) {
    const C kept = device::load_as<C>(x, first + i, dtype) * scale;
    device::store_as(out, first + i, dtype, block.v[i] < threshold ? C(0) : kept);
  }
}

void dropout_kernel(Ctx& ctx, const Dropout::Args& args, Outputs<Dropout>& out) {
  const uint64_t threshold = probability_threshold(args.p);
  if (threshold >> 32) {
    cuda_backend().fill_bytes(out[0].raw_data(), 0, out[0].nbytes(), ctx.stream());
    return;
  }
  const Tensor x = ctx.dense(args.x, MemoryFormat::contiguous, args.x.dtype());
  const auto run = [&]<class C>(C scale) {
    simt::launch(drop<C>,
                 {.name = "dropout", .grid = simt::blocks_for((x.numel() + 3) / 4, kThreads), .block = kThreads},
                 ctx.stream(), x.raw_data(), out[0].raw_data(), x.dtype(), x.numel(), scale,
                 static_cast<uint32_t>(threshold), args.random, device::offset_of(args));
  };
  // As in dropout.cpu.cpp.
  const double scale = 1 / (1 - args.p);
  if (x.dtype() == DType::f64) return run(scale);
  run(static_cast<float>(scale));
}

}  // namespace

void register_dropout_cuda();
void register_dropout_cuda() { register_kernel<Dropout>(DeviceType::cuda, &dropout_kernel); }

}  // namespace farro
