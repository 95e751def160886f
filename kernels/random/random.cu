// SPDX-License-Identifier: Apache-2.0
// Random fills on the device: one thread per Philox block. Element i comes from the same block and the same formula as
// on the CPU (random.cpu.cpp), built without fused multiply-add, so the bits are the same.
#include <farro/autograd/node/grad_mode.h>
#include <farro/core/op/op_table.h>
#include <farro/kernels/memory/copy.op.h>
#include <farro/kernels/pointwise/compare.h>
#include <farro/kernels/random/device_offset.h>
#include <farro/kernels/random/distributions.h>
#include <farro/kernels/random/random.h>
#include <farro/kernels/random/random.op.h>
#include <farro/kernels/simt/convert.h>

namespace farro {

namespace {

// A draw turns one block into kValues values of type Value.

// Rounding may reach the open end of [low, high): such values fall back to low.
struct UniformF32 {
  using Value = float;
  static constexpr int kValues = 4;
  float scale, low, high;
  __device__ void operator()(const PhiloxBlock& block, float (&out)[4]) const {
    for (int i = 0; i < 4; ++i) {
      const float value = distributions::uniform_f32(block.v[i]) * scale + low;
      out[i] = value < high ? value : low;
    }
  }
};

// As many bits as the type holds, so that values below 1 are not rounded up to it.
struct UniformHalf {
  using Value = float;
  static constexpr int kValues = 4;
  float scale, low;
  int unused_bits;
  __device__ void operator()(const PhiloxBlock& block, float (&out)[4]) const {
    for (int i = 0; i < 4; ++i)
      out[i] = distributions::uniform_f32(block.v[i] >> unused_bits << unused_bits) * scale + low;
  }
};

struct UniformF64 {
  using Value = double;
  static constexpr int kValues = 2;
  double scale, low, high;
  __device__ void operator()(const PhiloxBlock& block, double (&out)[2]) const {
    for (int i = 0; i < 2; ++i) {
      const double value = distributions::uniform_f64(block.v[2 * i], block.v[2 * i + 1]) * scale + low;
      out[i] = value < high ? value : low;
    }
  }
};

// Box and Muller's pairs: two words make two numbers.
struct NormalF32 {
  using Value = float;
  static constexpr int kValues = 4;
  float std, mean;
  __device__ void operator()(const PhiloxBlock& block, float (&out)[4]) const {
    for (int i = 0; i < 4; i += 2) {
      const auto pair = distributions::normal_f32(block.v[i], block.v[i + 1]);
      out[i] = pair.first * std + mean;
      out[i + 1] = pair.second * std + mean;
    }
  }
};

struct NormalF64 {
  using Value = double;
  static constexpr int kValues = 2;
  double std, mean;
  __device__ void operator()(const PhiloxBlock& block, double (&out)[2]) const {
    const auto pair = distributions::normal_f64(block);
    out[0] = pair.first * std + mean;
    out[1] = pair.second * std + mean;
  }
};

// 1 where word / 2^32 < p, compared as integers.
struct BernoulliWords {
  using Value = float;
  static constexpr int kValues = 4;
  uint32_t threshold;
  __device__ void operator()(const PhiloxBlock& block, float (&out)[4]) const {
    for (int i = 0; i < 4; ++i) out[i] = block.v[i] < threshold ? 1.0f : 0.0f;
  }
};

// One word where the range is at most kOneWordRange: the bias of the multiplication is then below 2^-16.
struct RandIntOneWord {
  using Value = int64_t;
  static constexpr int kValues = 4;
  int64_t low;
  uint32_t range;
  __device__ void operator()(const PhiloxBlock& block, int64_t (&out)[4]) const {
    for (int i = 0; i < 4; ++i) out[i] = low + distributions::below_32(block.v[i], range);
  }
};

struct RandIntTwoWords {
  using Value = int64_t;
  static constexpr int kValues = 2;
  int64_t low;
  uint64_t range;
  __device__ void operator()(const PhiloxBlock& block, int64_t (&out)[2]) const {
    for (int i = 0; i < 2; ++i) {
      const uint64_t word = uint64_t{block.v[2 * i + 1]} << 32 | block.v[2 * i];
      out[i] = static_cast<int64_t>(static_cast<uint64_t>(low) + distributions::below_64(word, range));
    }
  }
};

template <class Draw>
__global__ void fill_random(void* out, DType dtype, int64_t numel, PhiloxState random, const int64_t* offset,
                            Draw draw) {
  const int64_t block = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (block * Draw::kValues >= numel) return;
  typename Draw::Value values[Draw::kValues];
  // The block's number is its counter: no state is passed between threads.
  draw(philox_block(device::moved(random, offset), static_cast<uint64_t>(block)), values);
  for (int i = 0; i < Draw::kValues && block * Draw::kValues + i < numel; ++i)
    device::store_as(out, block * Draw::kValues + i, dtype, values[i]);
}

// out[i] = 1 with probability p[i]; both dense.
__global__ void draw_bernoulli(const void* p, void* out, DType dtype, int64_t numel, PhiloxState random,
                               const int64_t* offset) {
  const int64_t first = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * 4;
  if (first >= numel) return;
  const PhiloxBlock block = philox_block(device::moved(random, offset), static_cast<uint64_t>(first / 4));
  for (int i = 0; i < 4 && first + i < numel; ++i) {
    // word / 2^32 < p, with the division moved to the other side, where it is exact.
    const double bound = device::load_as<double>(p, first + i, dtype) * 0x1p32;
    device::store_as(out, first + i, dtype, static_cast<double>(block.v[i]) < bound ? 1.0f : 0.0f);
  }
}

// As in dropout.cu.
constexpr int kThreads = 256;

template <class Args, class Draw>
void run_draw(Ctx& ctx, const Tensor& out, const Args& args, const Draw& draw) {
  const Tensor dense = ctx.result(out, MemoryFormat::contiguous, out.dtype());
  const int64_t blocks = (out.numel() + Draw::kValues - 1) / Draw::kValues;
  simt::launch(fill_random<Draw>, {.name = ctx.op(), .grid = simt::blocks_for(blocks, kThreads), .block = kThreads},
               ctx.stream(), dense.raw_data(), out.dtype(), out.numel(), args.random, device::offset_of(args), draw);
}

void uniform_kernel(Ctx& ctx, const Uniform::Args& args, Outputs<Uniform>& out) {
  const float scale = static_cast<float>(args.high - args.low), low = static_cast<float>(args.low);
  const auto run = [&](const auto& draw) { run_draw(ctx, out[0], args, draw); };
  switch (out[0].dtype()) {
    case DType::f64: return run(UniformF64{args.high - args.low, args.low, args.high});
    case DType::f16: return run(UniformHalf{scale, low, 32 - 11});
    case DType::bf16: return run(UniformHalf{scale, low, 32 - 8});
    default: return run(UniformF32{scale, low, static_cast<float>(args.high)});
  }
}

void normal_kernel(Ctx& ctx, const Normal::Args& args, Outputs<Normal>& out) {
  if (out[0].dtype() == DType::f64) return run_draw(ctx, out[0], args, NormalF64{args.std, args.mean});
  run_draw(ctx, out[0], args, NormalF32{static_cast<float>(args.std), static_cast<float>(args.mean)});
}

void bernoulli_fill_kernel(Ctx& ctx, const BernoulliFill::Args& args, Outputs<BernoulliFill>& out) {
  const uint64_t threshold = probability_threshold(args.p);
  // p = 1, as on the CPU.
  if (threshold >> 32) {
    copy_elements(out[0], wrap_number(1));
    return;
  }
  run_draw(ctx, out[0], args, BernoulliWords{static_cast<uint32_t>(threshold)});
}

void randint_kernel(Ctx& ctx, const RandInt::Args& args, Outputs<RandInt>& out) {
  const uint64_t range = static_cast<uint64_t>(args.high) - static_cast<uint64_t>(args.low);
  if (range <= kOneWordRange)
    return run_draw(ctx, out[0], args, RandIntOneWord{args.low, static_cast<uint32_t>(range)});
  run_draw(ctx, out[0], args, RandIntTwoWords{args.low, range});
}

void bernoulli_kernel(Ctx& ctx, const Bernoulli::Args& args, Outputs<Bernoulli>& out) {
  const Tensor p = ctx.dense(args.p, MemoryFormat::contiguous, args.p.dtype());
  if (p.numel() == 0) return;
  // Waits for the device. The CPU's function then says which probability is wrong.
  if (!logical_and(p >= 0, p <= 1).all().item<bool>()) bernoulli(p.to(Device::cpu()));
  simt::launch(
      draw_bernoulli, {.name = "bernoulli", .grid = simt::blocks_for((p.numel() + 3) / 4, kThreads), .block = kThreads},
      ctx.stream(), p.raw_data(), out[0].raw_data(), p.dtype(), p.numel(), args.random, device::offset_of(args));
}

}  // namespace

void register_random_cuda();
void register_random_cuda() {
  register_kernel<Uniform>(DeviceType::cuda, &uniform_kernel);
  register_kernel<Normal>(DeviceType::cuda, &normal_kernel);
  register_kernel<BernoulliFill>(DeviceType::cuda, &bernoulli_fill_kernel);
  register_kernel<RandInt>(DeviceType::cuda, &randint_kernel);
  register_kernel<Bernoulli>(DeviceType::cuda, &bernoulli_kernel);
}

}  // namespace farro
