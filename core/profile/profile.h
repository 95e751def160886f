// SPDX-License-Identifier: Apache-2.0
// Profile ranges: how long each op, module or named stretch of a program took, as totals by name and as a Chrome trace
// (chrome://tracing, ui.perfetto.dev). autograd/call opens a range for every op; users open their own. While no profile
// runs a range costs one relaxed load and a branch.
#pragma once

#include <farro/core/api.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace farro {

struct ProfileOptions {
  // Where the Chrome trace goes, written while the program runs; it is valid JSON at every moment between two writes,
  // so that also a killed run leaves one. Empty: totals only.
  std::string trace_path;
  // Later ranges only count in the totals; a trace of a million events is about 150 MB.
  int64_t max_events = 2'000'000;
};

// The sums over all ranges of one name.
struct ProfileTotal {
  std::string name;
  std::string category;
  int64_t count = 0;
  double total_seconds = 0;  // from begin to end
  double self_seconds = 0;   // without the ranges inside, on the same thread
  double longest_seconds = 0;
};

struct ProfileResult {
  std::vector<ProfileTotal> totals;  // the largest self_seconds first
  double seconds = 0;                // between start and stop
  int64_t events = 0;                // in the trace
  int64_t dropped_events = 0;        // beyond max_events
};

namespace detail {
FARRO_API inline std::atomic<bool> profile_active{false};
struct OpenRange;
FARRO_API OpenRange* open_range(std::string_view name, std::string_view category) noexcept;
FARRO_API void close_range(OpenRange* range) noexcept;
FARRO_API void note_on_range(OpenRange* range, std::string_view key, std::string_view value) noexcept;
}  // namespace detail

inline bool profiling_active() noexcept { return detail::profile_active.load(std::memory_order_relaxed); }

// ValueError when one runs already; IoError when the trace cannot be created.
FARRO_API void start_profile(const ProfileOptions& options = {});
// Ends it: ranges that are still open are left out. ValueError when none runs; IoError when the trace could not be
// written.
FARRO_API ProfileResult stop_profile();

// A table for people: name, calls, total and own time, share of all own time.
FARRO_API std::string format_table(const ProfileResult& result, int max_rows = 30);

// Measures its own lifetime on the current thread. Ranges of a thread nest; the module path (core/scope) is recorded.
class ProfileRange {
 public:
  explicit ProfileRange(std::string_view name, std::string_view category = "user") noexcept
      : range_(profiling_active() ? detail::open_range(name, category) : nullptr) {}
  ~ProfileRange() {
    if (range_) detail::close_range(range_);
  }
  ProfileRange(const ProfileRange&) = delete;
  ProfileRange& operator=(const ProfileRange&) = delete;

  // True when this range is measured: build a costly note only then.
  explicit operator bool() const noexcept { return range_ != nullptr; }
  // Shown beside the range in the trace, e.g. note("variant", "cudnn").
  void note(std::string_view key, std::string_view value) noexcept {
    if (range_) detail::note_on_range(range_, key, value);
  }

 private:
  detail::OpenRange* range_;
};

}  // namespace farro
