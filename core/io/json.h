// SPDX-License-Identifier: Apache-2.0
// Strict JSON for files from outside: nlohmann's parser with a bound on nesting and no duplicate keys. Included only by
// .cpp files that read JSON (safetensors headers, run logs, configurations).
#pragma once

#include <farro/core/api.h>

#include <nlohmann/json_fwd.hpp>

#include <string_view>

namespace farro::io {

// FileError: bad_header for text that is no JSON or nests deeper than `max_depth`, duplicate_key. `what` begins the
// message and should name the file.
FARRO_API nlohmann::json parse_json(std::string_view text, std::string_view what, int max_depth = 32);

}  // namespace farro::io
