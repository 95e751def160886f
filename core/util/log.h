// SPDX-License-Identifier: Apache-2.0
// Log lines on stderr, for the programs (farro run, examples) and for the rare warning of the library.
// FARRO_LOG=debug|info|warning|error|off sets what is shown; without it warnings and errors are, so that the library by
// itself stays silent. Callers build the text with str().
#pragma once

#include <farro/core/api.h>

#include <cstdint>
#include <string_view>

namespace farro {

enum class LogLevel : uint8_t { debug, info, warning, error, off };

FARRO_API void log(LogLevel level, std::string_view message) noexcept;
inline void log_debug(std::string_view message) noexcept { log(LogLevel::debug, message); }
inline void log_info(std::string_view message) noexcept { log(LogLevel::info, message); }
inline void log_warning(std::string_view message) noexcept { log(LogLevel::warning, message); }
inline void log_error(std::string_view message) noexcept { log(LogLevel::error, message); }

// What a program shows where the user has not set FARRO_LOG.
FARRO_API void set_default_log_level(LogLevel level);
// To skip the building of a message that would not be shown.
FARRO_API bool log_enabled(LogLevel level) noexcept;

}  // namespace farro
