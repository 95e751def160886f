// SPDX-License-Identifier: Apache-2.0
// Digests of tensors and numbers: 64 bits by which a test or a run sees that two computations gave the same bits. Not
// cryptographic.
#include <farro/core/util/digest.h>

#include <bit>
#include <cstring>

namespace farro {

namespace {

// Odd constants with well-spread bits: fractional parts of the square roots of primes.
constexpr uint64_t kMix = 0x6a09e667f3bcc909u | 1;
constexpr uint64_t kLane = 0xbb67ae8584caa73bu;

constexpr uint64_t mix(uint64_t state, uint64_t value) noexcept {
  state = (state ^ value) * kMix;
  return state ^ std::rotr(state, 29);
}

// Eight lanes hash eight words at a time: independent multiplications keep the processor busy, about 12 GB/s.
uint64_t hash_bytes(const void* data, size_t bytes) noexcept {
  constexpr size_t kLanes = 8, kBlock = kLanes * sizeof(uint64_t);
  const char* at = static_cast<const char*>(data);
  uint64_t lanes[kLanes];
  for (size_t i = 0; i < kLanes; ++i) lanes[i] = kLane * (i + 1);
  for (; bytes >= kBlock; bytes -= kBlock, at += kBlock) {
    uint64_t words[kLanes];
    std::memcpy(words, at, kBlock);
    for (size_t i = 0; i < kLanes; ++i) lanes[i] = mix(lanes[i], words[i]);
  }
  uint64_t state = kLane;
  for (const uint64_t lane : lanes) state = mix(state, lane);
  for (; bytes > 0;) {
    uint64_t word = 0;
    const size_t n = bytes < sizeof word ? bytes : sizeof word;
    std::memcpy(&word, at, n);
    state = mix(state, word + n);
    bytes -= n;
    at += n;
  }
  return state;
}

}  // namespace

void Digest::add(uint64_t value) noexcept { state_ = mix(state_, value); }

void Digest::add(double value) { add(std::bit_cast<uint64_t>(value)); }

void Digest::add(const Tensor& tensor) {
  if (!tensor.defined()) return add(uint64_t{0});
  add(static_cast<uint64_t>(tensor.dtype()) + 1);
  for (int64_t size : tensor.sizes()) add(static_cast<uint64_t>(size));
  const Tensor host = tensor.detach().to(Device::cpu()).contiguous();
  add(hash_bytes(host.raw_data(), host.nbytes()));
}

std::string Digest::text() const {
  constexpr char digits[] = "0123456789abcdef";
  std::string out(16, '0');
  for (int i = 0; i < 16; ++i) out[static_cast<size_t>(15 - i)] = digits[state_ >> (4 * i) & 15];
  return out;
}

}  // namespace farro
