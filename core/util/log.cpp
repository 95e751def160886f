// SPDX-License-Identifier: Apache-2.0
// The library's log, by spdlog to stderr: warnings and above, unless FARRO_LOG or the program says otherwise.
#include <farro/core/util/log.h>

#include <farro/core/error/error.h>

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdlib>
#include <optional>

namespace farro {

namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
  constexpr spdlog::level::level_enum levels[] = {spdlog::level::debug, spdlog::level::info, spdlog::level::warn,
                                                  spdlog::level::err, spdlog::level::off};
  return levels[static_cast<int>(level)];
}

std::optional<LogLevel> parse_level(std::string_view text) {
  constexpr std::string_view names[] = {"debug", "info", "warning", "error", "off"};
  for (int i = 0; i < 5; ++i)
    if (text == names[i]) return static_cast<LogLevel>(i);
  return std::nullopt;
}

struct Log {
  spdlog::logger logger{"farro", std::make_shared<spdlog::sinks::stderr_color_sink_mt>()};
  bool level_is_users = false;

  Log() {
    logger.set_pattern("%Y-%m-%d %H:%M:%S.%e %^%l%$ %v");
    logger.set_level(to_spdlog(LogLevel::warning));
    const char* text = std::getenv("FARRO_LOG");
    if (!text || !*text) return;
    if (const auto level = parse_level(text)) {
      logger.set_level(to_spdlog(*level));
      level_is_users = true;
    } else {
      logger.warn("{}", str("FARRO_LOG must be debug, info, warning, error or off, got '", text, "'"));
    }
  }
};

// Leaked on purpose: destructors of static objects may still log.
Log& shared_log() {
  static Log& log = *new Log;
  return log;
}

}  // namespace

void log(LogLevel level, std::string_view message) noexcept {
  try {
    shared_log().logger.log(to_spdlog(level), "{}", message);
  } catch (...) {
    // A line that cannot be written (closed stderr, no memory) must not end the caller's work.
  }
}

void set_default_log_level(LogLevel level) {
  Log& log = shared_log();
  if (!log.level_is_users) log.logger.set_level(to_spdlog(level));
}

bool log_enabled(LogLevel level) noexcept {
  try {
    return shared_log().logger.should_log(to_spdlog(level));
  } catch (...) {
    return false;
  }
}

}  // namespace farro
