// SPDX-License-Identifier: Apache-2.0
// Generators hand out ranges of Philox blocks. An op reserves what it needs (reserve) and computes element i from block
// i / 4 of its range, so threads that draw at the same time never share a number. Each device has a default generator.
#pragma once

#include <farro/core/api.h>
#include <farro/core/device/device.h>
#include <farro/core/random/philox.h>
#include <farro/core/tensor/tensor.h>

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
  void manual_seed(uint64_t seed) { set_state({.seed = seed}); }
  uint64_t seed() const noexcept { return key().seed; }

  // The capturable form reads and writes the device's offset here, which waits for the device.
  PhiloxState state() const;
  void set_state(const PhiloxState& state);

  // The next `blocks` blocks, which no one else gets; the result's offset is the first.
  PhiloxState reserve(uint64_t blocks);

  // PyTorch's term: the offset moves to a 0-dim i64 tensor on the device that draws, where kernels read it and the op
  // reserve_random counts it up. A recorded call then draws new numbers in every replay: those that the ordinary form
  // would have drawn. Seed and stream stay numbers that a recording repeats, and what the host draws by itself
  // (reserve(), randperm, shuffling) does not happen again in a replay. Recordings made in one form end with it.
  void set_capturable(bool capturable = true);
  bool capturable() const noexcept;
  // Seed and stream, with offset 0.
  PhiloxState key() const noexcept;
  // That tensor, made at the first draw; undefined in the ordinary form. DeviceError where the generator has drawn on
  // another device.
  Tensor offset_on(Device device);

  // The start of an independent sequence, a function of this generator's seed and stream and of `index`, not of what
  // was drawn so far: worker or sample `index` gets the same numbers however the work is divided.
  PhiloxState child(uint64_t index) const noexcept;

 private:
  friend struct GeneratorsAtFork;
  PhiloxState current() const;  // with the lock held
  mutable std::mutex mutex_;
  PhiloxState state_;  // where offset_ is defined, its offset is there
  bool capturable_ = false;
  Tensor offset_;
};

// The generator that random functions on a device use unless they are given another. A meta device has the CPU's.
FARRO_API Generator& default_generator(Device device = Device::cpu());

// Seeds the default generators of all devices alike.
FARRO_API void manual_seed(uint64_t seed);

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
