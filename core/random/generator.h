// SPDX-License-Identifier: Apache-2.0
// Generators hand out ranges of Philox blocks. An op reserves what it needs (reserve) and computes element i from block
// i / 4 of its range, so threads that draw at the same time never share a number. Each device has a default generator.
#pragma once

#include <farro/core/api.h>
#include <farro/core/device/device.h>
#include <farro/core/random/philox.h>

#include <mutex>
#include <string>

namespace farro {

// What a default generator starts with; the same in every process, so that unseeded runs repeat.
inline constexpr uint64_t kDefaultSeed = 67280421310721;

// Thread-safe.
class FARRO_API Generator {
 public:
  explicit Generator(uint64_t seed = kDefaultSeed) noexcept : state_{.seed = seed} {}
  explicit Generator(const PhiloxState& state) noexcept : state_(state) {}
  Generator(const Generator&) = delete;
  Generator& operator=(const Generator&) = delete;

  // Starts over with a new seed: stream 0, offset 0.
  void manual_seed(uint64_t seed) noexcept { set_state({.seed = seed}); }
  uint64_t seed() const noexcept { return state().seed; }

  PhiloxState state() const noexcept;
  void set_state(const PhiloxState& state) noexcept;

  // The next `blocks` blocks, which no one else gets; the result's offset is the first.
  PhiloxState reserve(uint64_t blocks) noexcept;

  // The start of an independent sequence, a function of this generator's seed and stream and of `index`, not of what
  // was drawn so far: worker or sample `index` gets the same numbers however the work is divided.
  PhiloxState child(uint64_t index) const noexcept;

 private:
  friend struct GeneratorsAtFork;
  mutable std::mutex mutex_;
  PhiloxState state_;
};

// The generator that random functions on a device use unless they are given another. A meta device has the CPU's.
FARRO_API Generator& default_generator(Device device = Device::cpu());

// Seeds the default generators of all devices alike.
FARRO_API void manual_seed(uint64_t seed) noexcept;

// Numbers one after another from a state, for code that draws a few (shuffling, data augmentation). Not thread-safe.
class FARRO_API RandomSequence {
 public:
  explicit RandomSequence(const PhiloxState& state) noexcept : state_(state) {}

  uint32_t next32() noexcept;
  uint64_t next64() noexcept;
  double uniform() noexcept { return static_cast<double>(next64() >> 11) * 0x1p-53; }  // [0, 1), all 53 bits
  // Uniform in [0, bound) without bias; bound > 0.
  uint64_t below(uint64_t bound) noexcept;

 private:
  PhiloxState state_;
  PhiloxBlock block_{};
  int used_ = 4;
};

FARRO_API std::string to_string(const PhiloxState& state);  // "seed 1 stream 0 offset 128"

}  // namespace farro
