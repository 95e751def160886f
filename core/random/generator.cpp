// SPDX-License-Identifier: Apache-2.0
// Generators of random numbers: states of the counter-based Philox generator. reserve() hands out disjoint ranges of
// counters, so kernels draw in parallel and in any order and still get the same numbers.
#include <farro/core/random/generator.h>

#include <farro/core/device/backend.h>
#include <farro/core/error/error.h>
#include <farro/core/op/tensor_spec.h>

#include <array>
#include <cstring>
#include <limits>

#include <pthread.h>

namespace farro {

namespace {

// Not calls of ops: what the host reads and writes is no part of a recorded step.
uint64_t read_offset(const Tensor& tensor) {
  uint64_t value = 0;
  if (tensor.is_cuda()) {
    Backend& backend = cuda_backend();
    backend.copy_to_host(&value, tensor.raw_data(), sizeof value, backend.current_stream(tensor.device().index));
  } else {
    std::memcpy(&value, tensor.raw_data(), sizeof value);
  }
  return value;
}
void write_offset(const Tensor& tensor, uint64_t value) {
  if (tensor.is_cuda()) {
    Backend& backend = cuda_backend();
    backend.copy_to_device(tensor.raw_data(), &value, sizeof value, backend.current_stream(tensor.device().index));
  } else {
    std::memcpy(tensor.raw_data(), &value, sizeof value);
  }
}

}  // namespace

PhiloxState Generator::current() const {
  PhiloxState state = state_;
  if (offset_.defined()) state.offset = read_offset(offset_);
  return state;
}

PhiloxState Generator::state() const {
  const std::lock_guard lock(mutex_);
  return current();
}

PhiloxState Generator::key() const noexcept {
  const std::lock_guard lock(mutex_);
  return {.seed = state_.seed, .stream = state_.stream};
}

void Generator::set_state(const PhiloxState& state) {
  const std::lock_guard lock(mutex_);
  if (offset_.defined()) write_offset(offset_, state.offset);
  state_ = state;
}

PhiloxState Generator::reserve(uint64_t blocks) {
  const std::lock_guard lock(mutex_);
  const PhiloxState first = current();
  if (offset_.defined()) write_offset(offset_, first.offset + blocks);
  state_.offset = first.offset + blocks;
  return first;
}

void Generator::set_capturable(bool capturable) {
  const std::lock_guard lock(mutex_);
  if (!capturable) {
    state_ = current();
    offset_.reset();
  }
  capturable_ = capturable;
}

bool Generator::capturable() const noexcept {
  const std::lock_guard lock(mutex_);
  return capturable_;
}

Tensor Generator::offset_on(Device device) {
  const std::lock_guard lock(mutex_);
  if (!capturable_) return {};
  if (!offset_.defined()) {
    Tensor made = allocate("Generator", TensorSpec({}, DType::i64, device));
    write_offset(made, state_.offset);
    offset_ = std::move(made);
  }
  FARRO_CHECK(offset_.device() == device, DeviceError,
              "Generator: a capturable generator must draw on one device, that of its offset, ", offset_.device(),
              ", got ", device);
  return offset_;
}

PhiloxState Generator::child(uint64_t index) const noexcept {
  const PhiloxState parent = key();
  // A block of a key that no sequence of this seed uses: seed and stream of the child are as good as fresh random ones.
  constexpr uint64_t kChildKey = 0x6368696C64726E67;
  const PhiloxBlock b = philox_block({.seed = parent.seed ^ kChildKey, .stream = parent.stream}, index);
  return {.seed = uint64_t{b.v[1]} << 32 | b.v[0], .stream = uint64_t{b.v[3]} << 32 | b.v[2]};
}

// Slot 0 is the CPU's, slot 1 + i that of cuda:i.
using DefaultGenerators = std::array<Generator, 1 + std::numeric_limits<int8_t>::max()>;
static DefaultGenerators& default_generators();

// Held while a child is forked, which could never take a lock that another thread held.
struct GeneratorsAtFork {
  GeneratorsAtFork() noexcept { pthread_atfork(lock, unlock, unlock); }
  static void lock() {
    for (Generator& generator : default_generators()) generator.mutex_.lock();
  }
  static void unlock() {
    for (Generator& generator : default_generators()) generator.mutex_.unlock();
  }
};

static DefaultGenerators& default_generators() {
  // Never destroyed: a capturable generator's device memory would outlive its device's runtime.
  static DefaultGenerators& generators = *new DefaultGenerators;
  static const GeneratorsAtFork held;
  return generators;
}

Generator& default_generator(Device device) {
  return default_generators()[device.is_cuda() ? 1 + static_cast<size_t>(device.index) : 0];
}

void manual_seed(uint64_t seed) {
  for (Generator& generator : default_generators()) generator.manual_seed(seed);
}

uint32_t RandomSequence::next32() noexcept {
  // A Philox block is four words; they are handed out one after the other.
  if (used_ == 4) {
    block_ = philox_block(state_, 0);
    ++state_.offset;
    used_ = 0;
  }
  return block_.v[used_++];
}

uint64_t RandomSequence::next64() noexcept {
  // The low word first, on every machine.
  const uint64_t low = next32();
  return uint64_t{next32()} << 32 | low;
}

// The upper half of value * bound is uniform once those values are drawn again whose lower half is among the first
// 2^64 mod bound (Lemire, "Fast random integer generation in an interval", 2019); most calls divide nothing.
uint64_t RandomSequence::below(uint64_t bound) noexcept {
  __extension__ using Wide = unsigned __int128;
  Wide product = Wide{next64()} * bound;
  if (static_cast<uint64_t>(product) < bound) {
    const uint64_t rejected = (0 - bound) % bound;
    while (static_cast<uint64_t>(product) < rejected) product = Wide{next64()} * bound;
  }
  return static_cast<uint64_t>(product >> 64);
}

std::string to_string(const PhiloxState& state) {
  return str("seed ", state.seed, " stream ", state.stream, " offset ", state.offset);
}

}  // namespace farro
