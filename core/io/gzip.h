// SPDX-License-Identifier: Apache-2.0
// Reads files that may be gzip-compressed, whatever their name (datasets come both ways). Called by the dataset
// readers. The size of the result is bounded by the caller, never by what the file claims.
#pragma once

#include <farro/core/api.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace farro::io {

// The content of a plain file, or the decompressed content of a gzip file (one or several members, RFC 1952).
// FileError: too_large above `max_bytes`, truncated, bad_header (damaged compressed data), bad_checksum,
// trailing_bytes.
FARRO_API std::string read_maybe_gzip(const std::string& path, uint64_t max_bytes = uint64_t{1} << 32);

// The same for bytes in memory; `path` only names them in errors.
FARRO_API std::string gunzip(std::string_view compressed, const std::string& path,
                             uint64_t max_bytes = uint64_t{1} << 32);

FARRO_API bool is_gzip(std::string_view bytes) noexcept;

}  // namespace farro::io
