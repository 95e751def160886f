// SPDX-License-Identifier: Apache-2.0
// The op struct of digest.h, and the hash that its kernels compute.
//
// The bytes of a tensor are cut into 64-bit words, the last filled up with zeros. Each word is mixed with its position,
// and the results are added modulo 2^64: in any order, so that threads and devices may divide the work as they like.
// For a fixed position the mixing maps words one to one, so that a single changed word always shows.
#pragma once

#include <farro/core/api.h>
#include <farro/core/op/op.h>

namespace farro {

struct FARRO_API TensorDigest {
  static constexpr OpInfo info{.name = "digest", .autocast = Autocast::none};
  static constexpr const char* no_backward = "it is a hash";
  struct Args {
    TensorList tensors;
    static constexpr std::array names{"tensors?"};
  };
  static TensorSpec infer(const Args& args);
  static Cost cost(const Args& args);
};

namespace digest_hash {

// Odd constants with well-spread bits: the fractional parts of the square roots of 2, 3, 5 and of the golden ratio.
inline constexpr uint64_t kMultiply1 = 0x6a09e667f3bcc909u;
inline constexpr uint64_t kMultiply2 = 0xbb67ae8584caa73bu;
inline constexpr uint64_t kStart = 0x3c6ef372fe94f82bu;
inline constexpr uint64_t kStep = 0x9e3779b97f4a7c15u;

// Word number `index` of a tensor with this key. Each line can be undone, so it loses nothing of the word.
[[gnu::always_inline]] inline constexpr uint64_t mix_word(uint64_t key, uint64_t index, uint64_t word) {
  uint64_t z = (word ^ (word >> 32)) * kMultiply1;
  z ^= key + index * kStep;
  z = (z ^ (z >> 29)) * kMultiply2;
  return z ^ (z >> 32);
}

[[gnu::always_inline]] inline constexpr uint64_t mix_key(uint64_t key, uint64_t value) {
  return mix_word(key, 0, value) + kStep;
}

// Of tensor number `index` in the list: its dtype and shape.
inline uint64_t key_of(size_t index, const Tensor& tensor) {
  uint64_t key = mix_key(kStart, index);
  if (!tensor.defined()) return key;
  key = mix_key(key, static_cast<uint64_t>(tensor.dtype()) + 1);
  for (const int64_t size : tensor.sizes()) key = mix_key(key, static_cast<uint64_t>(size));
  return key;
}

// What the list contributes besides its elements.
inline uint64_t start_of(TensorList tensors) {
  uint64_t sum = mix_key(kStart, tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) sum += mix_key(key_of(i, tensors[i]), i);
  return sum;
}

}  // namespace digest_hash

}  // namespace farro
