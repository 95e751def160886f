// SPDX-License-Identifier: Apache-2.0
// IoError with a reason from a closed set, so that a caller (and the fuzz tests) can tell a missing file from a damaged
// one without reading text. Every reader and writer in core/io and data/dataset raises its errors through fail_file().
#pragma once

#include <farro/core/api.h>
#include <farro/core/error/error.h>

#include <cstdint>

namespace farro::io {

enum class FileFault : uint8_t {
  not_found,       // no such file or folder
  wrong_kind,      // a folder, pipe, device, ... where a regular file is needed
  system,          // the system refused: permission, full disk, input/output error, ...
  too_large,       // larger than the caller's or the format's bound
  truncated,       // ends before what it announces
  trailing_bytes,  // goes on after what it announces
  bad_magic,       // not a file of this format
  bad_header,      // the header breaks the format's rules
  duplicate_key,   // a name given twice
  bad_dtype,       // an element type the format or this library does not know
  bad_shape,       // negative, overflowing or inconsistent sizes
  bad_offsets,     // data ranges that overlap, leave holes or lie outside the file
  bad_value,       // an element that its type does not allow
  bad_checksum,    // the content differs from what was written
  in_use,          // another process works on it
};
FARRO_API const char* name(FileFault fault) noexcept;

struct FileError : IoError {
  FileError(std::string message, FileFault reason) : IoError(std::move(message)), fault(reason) {}
  FileFault fault;
};

// Throws FileError with the concatenated pieces.
template <class... Pieces>
[[noreturn, gnu::noinline, gnu::cold]] void fail_file(FileFault fault, const Pieces&... pieces) {
  throw FileError(farro::detail::with_scope(str(pieces...)), fault);
}

// The same, beginning with "could not read '<path>': ".
template <class... Pieces>
[[noreturn, gnu::noinline, gnu::cold]] void fail_read(FileFault fault, std::string_view path, const Pieces&... pieces) {
  fail_file(fault, "could not read '", path, "': ", pieces...);
}

// A name out of a file, for a message: in quotes, cut at 80 bytes, control characters as \xNN. A hostile file must not
// reach the user's terminal.
FARRO_API std::string printable(std::string_view name);

// For a failed system call: "<what> '<path>': <text of error number>"; ENOENT becomes not_found.
[[noreturn]] FARRO_API void fail_errno(int error, std::string_view what, std::string_view path);

}  // namespace farro::io
