// SPDX-License-Identifier: Apache-2.0
// UTF-8: the length of a character, replacement of what is none, and prefixes that do not cut a character.
#include <farro/core/io/detail/utf8.h>

namespace farro {

size_t utf8_character(std::string_view text) noexcept {
  if (text.empty()) return 0;
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  // 0x80 to 0xbf continue a character, 0xc0 and 0xc1 would be overlong forms of ASCII, 0xf5 and up lie beyond U+10FFFF
  // (RFC 3629).
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  const unsigned char second = byte(1);
  const bool overlong = (lead == 0xe0 && second < 0xa0) || (lead == 0xf0 && second < 0x90);
  const bool surrogate = lead == 0xed && second >= 0xa0;
  const bool too_large = lead == 0xf4 && second >= 0x90;
  return overlong || surrogate || too_large ? 0 : length;
}

std::string to_utf8(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t length = utf8_character(text);
    // U+FFFD, the replacement character, for each byte that begins no character.
    out += length > 0 ? text.substr(0, length) : std::string_view("\xef\xbf\xbd");
    text.remove_prefix(length > 0 ? length : 1);
  }
  return out;
}

std::string_view utf8_prefix(std::string_view text, size_t limit) noexcept {
  if (text.size() <= limit) return text;
  size_t end = limit;
  // Back over continuation bytes, of which a character has at most three.
  while (end > 0 && limit - end < 4 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end);
}

}  // namespace farro
