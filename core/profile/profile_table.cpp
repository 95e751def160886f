// SPDX-License-Identifier: Apache-2.0
// The profile as text: format_table().
#include <farro/core/error/error.h>
#include <farro/core/profile/profile.h>

#include <algorithm>
#include <array>
#include <cstdio>

namespace farro {

namespace {

template <class... Args>
std::string format(const char* pattern, Args... args) {
  std::array<char, 256> buffer;
  const int length = std::snprintf(buffer.data(), buffer.size(), pattern, args...);
  return std::string(buffer.data(), static_cast<size_t>(std::clamp<int>(length, 0, buffer.size() - 1)));
}

// Four digits with a fitting unit: "1.234 ms".
std::string format_seconds(double seconds) {
  if (seconds >= 1) return format("%.3f s ", seconds);
  if (seconds >= 1e-3) return format("%.3f ms", seconds * 1e3);
  return format("%.3f us", seconds * 1e6);
}

}  // namespace

std::string format_table(const ProfileResult& result, int max_rows) {
  constexpr size_t kLongestName = 48;
  double all_self = 0;
  size_t name_width = 4;
  const size_t rows = std::min(result.totals.size(), static_cast<size_t>(std::max(max_rows, 0)));
  for (const ProfileTotal& total : result.totals) all_self += total.self_seconds;
  for (size_t i = 0; i < rows; ++i)
    name_width = std::max(name_width, std::min(result.totals[i].name.size(), kLongestName));

  const int width = static_cast<int>(name_width);
  std::string out =
      format("%-*s  %10s  %11s  %11s  %11s  %6s\n", width, "name", "calls", "total", "own", "longest", "own %");
  for (size_t i = 0; i < rows; ++i) {
    const ProfileTotal& total = result.totals[i];
    out += format("%-*s  %10lld  %11s  %11s  %11s  %5.1f%%\n", width, total.name.substr(0, kLongestName).c_str(),
                  static_cast<long long>(total.count), format_seconds(total.total_seconds).c_str(),
                  format_seconds(total.self_seconds).c_str(), format_seconds(total.longest_seconds).c_str(),
                  all_self > 0 ? 100 * total.self_seconds / all_self : 0.0);
  }
  if (rows < result.totals.size()) out += str("... and ", result.totals.size() - rows, " more\n");
  return out + str("measured ", format_seconds(result.seconds), "\n");
}

}  // namespace farro
