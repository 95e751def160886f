// SPDX-License-Identifier: Apache-2.0
// digest on the CPU: each word by itself, so that the loop vectorises and threads may take any part.
#include <farro/core/op/op_table.h>
#include <farro/kernels/reduce/digest.op.h>

#include <farro/core/parallel/parallel.h>

#include <algorithm>
#include <atomic>
#include <cstring>

namespace farro::FARRO_ISA {

namespace {

// Of one thread's share: 256 KiB take some 25 us.
constexpr int64_t kGrain = 32768;

// Words [first, last) of `bytes` bytes. memcpy because a view may begin at any element.
uint64_t hash_words(const char* data, int64_t bytes, uint64_t key, int64_t first, int64_t last) noexcept {
  uint64_t sum = 0;
  const int64_t whole = std::min(last, bytes / 8);
  for (int64_t i = first; i < whole; ++i) {
    uint64_t word;
    std::memcpy(&word, data + 8 * i, sizeof word);
    sum += digest_hash::mix_word(key, static_cast<uint64_t>(i), word);
  }
  if (whole < last) {
    uint64_t word = 0;
    std::memcpy(&word, data + 8 * whole, static_cast<size_t>(bytes % 8));
    sum += digest_hash::mix_word(key, static_cast<uint64_t>(whole), word);
  }
  return sum;
}

void digest_kernel(Ctx&, const TensorDigest::Args& args, Outputs<TensorDigest>& out) {
  std::atomic<uint64_t> sum{digest_hash::start_of(args.tensors)};
  for (size_t i = 0; i < args.tensors.size(); ++i) {
    const Tensor& tensor = args.tensors[i];
    if (!tensor.defined()) continue;
    const uint64_t key = digest_hash::key_of(i, tensor);
    const auto* data = static_cast<const char*>(tensor.raw_data());
    const auto bytes = static_cast<int64_t>(tensor.nbytes());
    parallel_for((bytes + 7) / 8, kGrain, [&](int64_t first, int64_t last) {
      sum.fetch_add(hash_words(data, bytes, key, first, last), std::memory_order_relaxed);
    });
  }
  *static_cast<uint64_t*>(out[0].raw_data()) = sum.load(std::memory_order_relaxed);
}

}  // namespace

void register_digest_cpu();
void register_digest_cpu() { register_kernel<TensorDigest>(DeviceType::cpu, &digest_kernel); }

}  // namespace farro::FARRO_ISA
