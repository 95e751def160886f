// SPDX-License-Identifier: Apache-2.0
// Names of faults, file names made safe to print, and errors from errno.
#include <farro/core/io/file_error.h>

#include <farro/core/io/detail/utf8.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace farro::io {

const char* name(FileFault fault) noexcept {
  constexpr const char* names[] = {"not_found",      "wrong_kind",  "system",     "too_large",     "truncated",
                                   "trailing_bytes", "bad_magic",   "bad_header", "duplicate_key", "bad_dtype",
                                   "bad_shape",      "bad_offsets", "bad_value",  "bad_checksum",  "in_use"};
  return names[static_cast<int>(fault)];
}

std::string printable(std::string_view name) {
  constexpr size_t kLongest = 80;
  std::string out = "'";
  const std::string_view shown = utf8_prefix(name, kLongest);
  for (size_t at = 0; at < shown.size();) {
    const size_t length = utf8_character(shown.substr(at));
    const auto byte = static_cast<unsigned char>(shown[at]);
    // Control characters, those of U+0080..U+009F too, are commands to a terminal.
    const bool control = byte < 0x20 || byte == 0x7f ||
                         (length == 2 && byte == 0xc2 && static_cast<unsigned char>(shown[at + 1]) < 0xa0);
    if (length > 0 && !control) {
      out += shown.substr(at, length);
      at += length;
      continue;
    }
    for (const size_t end = at + std::max<size_t>(length, 1); at < end; ++at) {
      const auto escaped = static_cast<unsigned char>(shown[at]);
      out += "\\x";
      out += "0123456789abcdef"[escaped >> 4];
      out += "0123456789abcdef"[escaped & 15];
    }
  }
  return out + (name.size() > kLongest ? "...'" : "'");
}

void fail_errno(int error, std::string_view what, std::string_view path) {
  // "Not there" is the one cause that callers act upon.
  const auto fault = error == ENOENT || error == ENOTDIR ? FileFault::not_found : FileFault::system;
  fail_file(fault, what, " '", path, "': ", std::generic_category().message(error), " (error ", error, ")");
}

}  // namespace farro::io
