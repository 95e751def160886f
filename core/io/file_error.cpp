#include <farro/core/io/file_error.h>

#include <cerrno>
#include <system_error>

namespace farro::io {

const char* name(FileFault fault) noexcept {
  constexpr const char* names[] = {"not_found",      "wrong_kind",  "system",     "too_large",     "truncated",
                                   "trailing_bytes", "bad_magic",   "bad_header", "duplicate_key", "bad_dtype",
                                   "bad_shape",      "bad_offsets", "bad_value",  "bad_checksum"};
  return names[static_cast<int>(fault)];
}

std::string printable(std::string_view name) {
  constexpr size_t kLongest = 80;
  std::string out = "'";
  for (const char c : name.substr(0, kLongest)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f) {
      out += c;
    } else {
      out += "\\x";
      out += "0123456789abcdef"[byte >> 4];
      out += "0123456789abcdef"[byte & 15];
    }
  }
  return out + (name.size() > kLongest ? "...'" : "'");
}

void fail_errno(int error, std::string_view what, std::string_view path) {
  const auto fault = error == ENOENT || error == ENOTDIR ? FileFault::not_found : FileFault::system;
  fail_file(fault, what, " '", path, "': ", std::generic_category().message(error), " (error ", error, ")");
}

}  // namespace farro::io
