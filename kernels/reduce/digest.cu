// SPDX-License-Identifier: Apache-2.0
// digest on the device: the words and the mixing of the CPU. Blocks add up integers, whose sum has no order.
#include <farro/core/op/op_table.h>
#include <farro/kernels/reduce/digest.op.h>
#include <farro/kernels/simt/atomic.h>
#include <farro/kernels/simt/launch.h>
#include <farro/kernels/simt/warp.h>

#include <algorithm>

namespace farro {

namespace {

// As in dropout.cu.
constexpr int kThreads = 256;
// Blocks of one tensor: 8 for each of the 132 SMs of an H100 or H200. More would only add atomics to one address.
constexpr int64_t kMostBlocks = 1056;

__global__ void begin(unsigned long long* out, unsigned long long start) { *out = start; }

// A view may begin at any element, so a word is read whole only where the first is aligned.
__global__ void add_words(const unsigned char* data, int64_t bytes, bool aligned, uint64_t key,
                          unsigned long long* out) {
  const int64_t words = (bytes + 7) / 8, stride = static_cast<int64_t>(gridDim.x) * blockDim.x;
  uint64_t sum = 0;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < words; i += stride) {
    uint64_t word = 0;
    if (aligned && 8 * i + 8 <= bytes) {
      word = reinterpret_cast<const uint64_t*>(data)[i];
    } else {
      for (int k = 0; k < 8 && 8 * i + k < bytes; ++k) word |= static_cast<uint64_t>(data[8 * i + k]) << (8 * k);
    }
    sum += digest_hash::mix_word(key, static_cast<uint64_t>(i), word);
  }
  SMEM(uint64_t, scratch, 32);
  sum = simt::block_reduce(sum, uint64_t{0}, simt::Add(), scratch);
  if (threadIdx.x == 0) simt::atomic_add(out, static_cast<unsigned long long>(sum));
}

void digest_kernel(Ctx& ctx, const TensorDigest::Args& args, Outputs<TensorDigest>& out) {
  auto* const sum = static_cast<unsigned long long*>(out[0].raw_data());
  simt::launch(begin, {.name = "digest_begin", .grid = 1, .block = 1}, ctx.stream(), sum,
               static_cast<unsigned long long>(digest_hash::start_of(args.tensors)));
  for (size_t i = 0; i < args.tensors.size(); ++i) {
    const Tensor& tensor = args.tensors[i];
    if (!tensor.defined() || tensor.nbytes() == 0) continue;
    const auto* data = static_cast<const unsigned char*>(tensor.raw_data());
    const auto bytes = static_cast<int64_t>(tensor.nbytes());
    const int64_t blocks = std::min((bytes + 8 * kThreads - 1) / (8 * kThreads), kMostBlocks);
    simt::launch(
        add_words, {.name = "digest", .grid = static_cast<unsigned>(blocks), .block = kThreads, .barriers = true},
        ctx.stream(), data, bytes, reinterpret_cast<uintptr_t>(data) % 8 == 0, digest_hash::key_of(i, tensor), sum);
  }
}

}  // namespace

void register_digest_cuda();
void register_digest_cuda() { register_kernel<TensorDigest>(DeviceType::cuda, &digest_kernel); }

}  // namespace farro
