// SPDX-License-Identifier: Apache-2.0
// UTF-8 of untrusted text: names in messages, labels in traces.
#pragma once

#include <farro/core/api.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace farro {

// Bytes of the well-formed character that `text` begins with (RFC 3629: no overlong forms, surrogates or values above
// U+10FFFF); 0 where there is none.
FARRO_API size_t utf8_character(std::string_view text) noexcept;

// The text with U+FFFD for each byte that belongs to no well-formed character.
FARRO_API std::string to_utf8(std::string_view text);

// The longest beginning of at most `limit` bytes that splits no character.
FARRO_API std::string_view utf8_prefix(std::string_view text, size_t limit) noexcept;

}  // namespace farro
