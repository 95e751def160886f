// SPDX-License-Identifier: Apache-2.0
// SplitMix64: the source of every random choice of the runtime. Not for users' random numbers.
#pragma once

#include <cstdint>
#include <span>
#include <utility>

namespace farro::simt_host {

class Random {
 public:
  explicit Random(uint64_t seed = 0) : state_(seed) {}

  uint64_t next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  // In [0, bound); the bias of the modulus does not matter here.
  uint32_t below(uint32_t bound) { return static_cast<uint32_t>(next() % bound); }

  template <class T>
  void shuffle(std::span<T> items) {
    for (uint32_t i = static_cast<uint32_t>(items.size()); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }

 private:
  uint64_t state_;
};

}  // namespace farro::simt_host
