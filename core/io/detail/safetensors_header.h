// SPDX-License-Identifier: Apache-2.0
// The JSON header of a safetensors file: parsing with every rule checked, and writing. Used by safetensors.cpp alone.
#pragma once

#include <farro/core/io/safetensors.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace farro::io {

struct SafetensorsHeader {
  std::vector<SafetensorsFile::Entry> entries;
  Metadata metadata;
};

// The reference implementation's bound.
inline constexpr uint64_t kMaxSafetensorsHeader = 100'000'000;

// Checks everything but the text's own length: `data_bytes` is what the file has after the header. `path` is for
// errors.
SafetensorsHeader parse_safetensors_header(std::string_view text, uint64_t data_bytes, const std::string& path);

// Padded with blanks to a multiple of 8 bytes. ValueError for text that is no UTF-8.
std::string write_safetensors_header(const SafetensorsHeader& header);

// Where the digits of the checksum stand in a header's text; npos without one.
inline constexpr std::string_view kChecksumKey = "farro.crc32c";
inline constexpr size_t kChecksumDigits = 8;
size_t find_checksum_digits(std::string_view header) noexcept;
std::string checksum_text(uint32_t checksum);

}  // namespace farro::io
