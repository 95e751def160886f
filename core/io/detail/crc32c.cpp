// SPDX-License-Identifier: Apache-2.0
// CRC-32C, the checksum of checkpoints and event files: by the processor's instruction where it has one (SSE 4.2), else
// by tables, 8 bytes at a time. Both give the same number.
#include <farro/core/io/detail/crc32c.h>

#include <array>
#include <cstring>

namespace farro {

namespace {

constexpr uint32_t kPolynomial = 0x82f63b78u;  // Castagnoli's, bits reversed

// tables[k][b]: the effect of byte b followed by k zero bytes ("slicing by 8", Kounavis and Berry 2005).
constexpr auto kTables = [] {
  std::array<std::array<uint32_t, 256>, 8> tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? kPolynomial : 0);
    tables[0][byte] = crc;
  }
  for (int k = 1; k < 8; ++k)
    for (int byte = 0; byte < 256; ++byte)
      tables[k][byte] = tables[k - 1][byte] >> 8 ^ tables[0][tables[k - 1][byte] & 255];
  return tables;
}();

uint64_t load_little_endian(const unsigned char* p) {
  uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value |= uint64_t{p[i]} << (8 * i);
  return value;
}

#if defined(__x86_64__)
[[gnu::target("sse4.2")]] uint32_t crc32c_sse42(const unsigned char* p, size_t bytes, uint32_t crc) noexcept {
  uint64_t state = ~crc;
  for (; bytes >= 8; bytes -= 8, p += 8) {
    uint64_t word;
    std::memcpy(&word, p, 8);
    state = __builtin_ia32_crc32di(state, word);
  }
  auto rest = static_cast<uint32_t>(state);
  for (; bytes > 0; --bytes) rest = __builtin_ia32_crc32qi(rest, *p++);
  return ~rest;
}
#endif

}  // namespace

uint32_t detail::crc32c_portable(const void* data, size_t bytes, uint32_t crc) noexcept {
  const auto* p = static_cast<const unsigned char*>(data);
  // The register begins and ends inverted (RFC 3720, section 12.1), so that leading zeros count.
  crc = ~crc;
  for (; bytes >= 8; bytes -= 8, p += 8) {
    const uint64_t word = load_little_endian(p) ^ crc;
    crc = 0;
    for (int k = 0; k < 8; ++k) crc ^= kTables[7 - k][word >> (8 * k) & 255];
  }
  for (; bytes > 0; --bytes) crc = crc >> 8 ^ kTables[0][(crc ^ *p++) & 255];
  return ~crc;
}

uint32_t crc32c(const void* data, size_t bytes, uint32_t crc) noexcept {
#if defined(__x86_64__)
  static const bool has_instruction = __builtin_cpu_supports("sse4.2");
  if (has_instruction) return crc32c_sse42(static_cast<const unsigned char*>(data), bytes, crc);
#endif
  return detail::crc32c_portable(data, bytes, crc);
}

}  // namespace farro
