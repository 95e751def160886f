// SPDX-License-Identifier: Apache-2.0
// Numbers and the scope path in error messages. Numbers do not go through a stream, whose locale might change them.
#include <farro/core/error/error.h>

#include <farro/core/scope/scope.h>

#include <charconv>

namespace farro::detail {

namespace {
template <class T>
void append_chars(std::string& out, T value) {
  char buffer[64];
  const auto result = std::to_chars(buffer, buffer + sizeof buffer, value);
  out.append(buffer, result.ptr);
}
}  // namespace

void append_signed(std::string& out, long long value) { append_chars(out, value); }
void append_unsigned(std::string& out, unsigned long long value) { append_chars(out, value); }
void append_double(std::string& out, double value) { append_chars(out, value); }

std::string with_scope(std::string message) {
  const std::string path = scope_path();
  if (!path.empty()) {
    message += " in ";
    message += path;
  }
  return message;
}

}  // namespace farro::detail
