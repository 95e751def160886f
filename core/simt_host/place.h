// SPDX-License-Identifier: Apache-2.0
// A line of source, passed by default argument, so that every waiting point can be named in an error.
// std::source_location would do, but clang 14 lacks the builtin behind it and ThreadSanitizer runs need clang.
#pragma once

#include <string>

namespace farro::simt_host {

struct Place {
  const char* file = "";
  int line = 0;

  static constexpr Place here(const char* file = __builtin_FILE(), int line = __builtin_LINE()) { return {file, line}; }
  friend bool operator==(const Place&, const Place&) = default;
};

std::string to_string(const Place& place);  // "layer_norm.cu:12"

}  // namespace farro::simt_host
