// SPDX-License-Identifier: Apache-2.0
// Philox4x32-10, the counter-based generator behind every random number of the library (Salmon, Moraes, Dror, Shaw:
// "Parallel random numbers: as easy as 1, 2, 3", SC 2011). Block number n of a key is a pure function of (key, n), so
// an element's value depends on its index alone: any number of threads and any device give the same bits. Header-only
// and constexpr because CUDA kernels include it too.
#pragma once

#include <farro/core/api.h>

#include <array>
#include <cstdint>

namespace farro {

struct PhiloxKey {
  uint32_t v[2];
};

// A counter on the way in, four independent uniform words on the way out.
struct PhiloxBlock {
  uint32_t v[4];
};

[[gnu::always_inline]] inline constexpr PhiloxBlock philox4x32(PhiloxBlock counter, PhiloxKey key) {
  constexpr uint32_t kMultiply0 = 0xD2511F53u, kMultiply1 = 0xCD9E8D57u;
  constexpr uint32_t kWeyl0 = 0x9E3779B9u, kWeyl1 = 0xBB67AE85u;  // golden ratio, sqrt(3) - 1
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{kMultiply0} * counter.v[0];
    const uint64_t p1 = uint64_t{kMultiply1} * counter.v[2];
    counter = {{static_cast<uint32_t>(p1 >> 32) ^ counter.v[1] ^ key.v[0], static_cast<uint32_t>(p1),
                static_cast<uint32_t>(p0 >> 32) ^ counter.v[3] ^ key.v[1], static_cast<uint32_t>(p0)}};
    key.v[0] += kWeyl0;
    key.v[1] += kWeyl1;
  }
  return counter;
}

// Where a generator stands, as plain data (checkpoints keep it): block `offset` of stream `stream` under `seed`.
// The seed is the key; the counter is (offset, stream), 64 bits each, low words first.
struct PhiloxState {
  uint64_t seed = 0;
  uint64_t stream = 0;
  uint64_t offset = 0;

  static constexpr std::array names{"seed", "stream", "offset"};
  friend FARRO_API constexpr bool operator==(const PhiloxState&, const PhiloxState&) noexcept = default;
};

// Block number `offset + index`.
[[gnu::always_inline]] inline constexpr PhiloxBlock philox_block(const PhiloxState& state, uint64_t index) {
  const uint64_t at = state.offset + index;
  return philox4x32({{static_cast<uint32_t>(at), static_cast<uint32_t>(at >> 32), static_cast<uint32_t>(state.stream),
                      static_cast<uint32_t>(state.stream >> 32)}},
                    {{static_cast<uint32_t>(state.seed), static_cast<uint32_t>(state.seed >> 32)}});
}

}  // namespace farro
