// SPDX-License-Identifier: Apache-2.0
// JSON with limits: duplicate keys, deep nesting and zero bytes are errors, as a file from anywhere may have them.
#include <farro/core/io/json.h>

#include <farro/core/io/file_error.h>

#include <nlohmann/json.hpp>

#include <set>
#include <string>
#include <vector>

namespace farro::io {

nlohmann::json parse_json(std::string_view text, std::string_view what, int max_depth) {
  // The parser takes a zero byte for the end of the text.
  if (text.find('\0') != std::string_view::npos)
    fail_file(FileFault::bad_header, what, ": text must be JSON, got a zero byte");
  using Event = nlohmann::json::parse_event_t;
  // The keys of each object that is open: the parser itself lets a later duplicate replace the first.
  std::vector<std::set<std::string>> open_objects;
  const auto check = [&](int depth, Event event, nlohmann::json& parsed) {
    if (event == Event::object_start || event == Event::array_start) {
      if (depth >= max_depth)
        fail_file(FileFault::bad_header, what, ": JSON must nest at most ", max_depth, " levels deep, got more");
      if (event == Event::object_start) open_objects.emplace_back();
    } else if (event == Event::object_end) {
      open_objects.pop_back();
    } else if (event == Event::key) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!open_objects.back().insert(key).second)
        fail_file(FileFault::duplicate_key, what, ": each key must occur once, got ", printable(key), " twice");
    }
    return true;
  };
  try {
    return nlohmann::json::parse(text, check);
  } catch (const nlohmann::json::exception& error) {
    fail_file(FileFault::bad_header, what, ": text must be JSON, got ", printable(error.what()));
  }
}

}  // namespace farro::io
