// SPDX-License-Identifier: Apache-2.0
// Collects ranges of all threads: totals by name, and a trace file. A thread writes to its own buffer under its own
// lock, which only stop_profile() ever contends for.
#include <farro/core/profile/profile.h>

#include <farro/core/profile/op_ranges.h>

#include <farro/core/error/error.h>
#include <farro/core/io/detail/utf8.h>
#include <farro/core/profile/detail/trace_writer.h>
#include <farro/core/scope/scope.h>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>

namespace farro {

namespace {

using Clock = std::chrono::steady_clock;

int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch()).count();
}

using NameAndCategory = std::pair<std::string_view, std::string_view>;  // views into interned text
using Totals = std::map<NameAndCategory, ProfileTotal>;

// Escaped six-fold and twice an event, this still fits TraceWriter::kMaxEvent.
constexpr size_t kLongestName = 300;
// A thread's buffer of trace text goes to the file when it has this many bytes, so that memory stays bounded.
constexpr size_t kFlushBytes = size_t{1} << 18;
// ... or when it is this old, so that a killed run loses at most its last second.
constexpr int64_t kFlushNs = 1'000'000'000;

}  // namespace

// Allocated per range, as a range may be closed by another call than the one that opened it; ranges of a thread form a
// chain by `parent`.
struct detail::OpenRange {
  OpenRange* parent;  // on the same thread
  std::string_view name, category;
  const ScopeNode* scope;
  uint64_t session;
  std::string notes;
  int64_t inside_ns = 0;  // spent in ranges inside this one
  int64_t begin_ns = 0;
};

namespace {

// One thread's part of the running profile. `mutex` is contended only while a profile stops.
struct ThreadProfile {
  std::mutex mutex;
  int id = 0;
  uint64_t session = 0;  // of the data below
  detail::OpenRange* innermost = nullptr;
  std::string text;
  int64_t last_flush_ns = 0;
  Totals totals;
};

// The running profile. Never destroyed: threads may end after main().
struct Profile {
  std::mutex control;  // held while a profile starts or stops; taken first

  std::mutex mutex;  // guards everything below; taken after a ThreadProfile's
  std::optional<TraceWriter> writer;
  std::string writer_error;
  ProfileOptions options;
  int64_t begin_ns = 0;
  int process = 0;
  std::atomic<int64_t> events{0};
  // Counts profiles, so that ranges of an earlier one are told apart. A range that read this profile's number sees its
  // options: the number is set after them.
  std::atomic<uint64_t> session{0};
  Totals totals;

  std::mutex threads_mutex;  // guards `threads` and `names`; taken alone or first
  std::set<std::shared_ptr<ThreadProfile>> threads;
  int next_thread_id = 1;
  std::set<std::string, std::less<>> names;
};
Profile& profile() {
  static Profile& instance = *new Profile;
  return instance;
}

// Names live for the whole process, so that callers may pass temporary text.
std::string_view intern(std::string_view text) {
  Profile& p = profile();
  const std::lock_guard lock(p.threads_mutex);
  auto it = p.names.find(text);
  if (it == p.names.end()) it = p.names.emplace(text).first;
  return *it;
}

void add_total(Totals& totals, const NameAndCategory& key, const ProfileTotal& part) {
  ProfileTotal& total = totals[key];
  total.count += part.count;
  total.total_seconds += part.total_seconds;
  total.self_seconds += part.self_seconds;
  total.longest_seconds = std::max(total.longest_seconds, part.longest_seconds);
}

// Moves the thread's data into the running profile. The caller holds thread.mutex.
void flush_text(ThreadProfile& thread) {
  if (thread.text.empty()) return;
  Profile& p = profile();
  const std::lock_guard lock(p.mutex);
  if (p.writer && p.writer_error.empty() && thread.session == p.session) {
    try {
      p.writer->append(thread.text);
    } catch (const Error& error) {
      p.writer_error = error.what();  // thrown by stop_profile(): a range's end cannot throw
    }
  }
  thread.text.clear();
}

void flush_totals(ThreadProfile& thread) {
  Profile& p = profile();
  const std::lock_guard lock(p.mutex);
  if (thread.session == p.session)
    for (const auto& [key, part] : thread.totals) add_total(p.totals, key, part);
  thread.totals.clear();
}

// Registers the thread for its lifetime.
struct ThreadRegistration {
  std::shared_ptr<ThreadProfile> thread = std::make_shared<ThreadProfile>();

  ThreadRegistration() {
    Profile& p = profile();
    const std::lock_guard lock(p.threads_mutex);
    thread->id = p.next_thread_id++;
    p.threads.insert(thread);
  }
  ~ThreadRegistration() {
    {
      const std::lock_guard lock(thread->mutex);
      flush_text(*thread);
      flush_totals(*thread);
    }
    Profile& p = profile();
    const std::lock_guard lock(p.threads_mutex);
    p.threads.erase(thread);
  }
};
ThreadProfile& this_thread() {
  thread_local ThreadRegistration registration;
  return *registration.thread;
}

std::string_view intern_cached(std::string_view text) {
  thread_local std::map<std::string, std::string_view, std::less<>> known;
  const auto it = known.find(text);
  return it != known.end() ? it->second : known.emplace(std::string(text), intern(text)).first->second;
}

void append_microseconds(std::string& out, int64_t ns) {
  detail::append_signed(out, ns / 1000);
  const int64_t rest = ns % 1000;
  out += '.';
  // Three decimals: traces count in microseconds, and nanoseconds must not be lost.
  out += static_cast<char>('0' + rest / 100);
  out += static_cast<char>('0' + rest / 10 % 10);
  out += static_cast<char>('0' + rest % 10);
}

void append_args(std::string& out, const detail::OpenRange& range) {
  if (range.scope) {
    out += "\"scope\":";
    append_json_quoted(out, scope_path(range.scope));
  }
  // Notes begin with a comma.
  if (!range.notes.empty()) out += range.scope ? range.notes : range.notes.substr(1);
}

void append_event(std::string& out, const detail::OpenRange& range, int thread, int64_t from_ns, int64_t ns) {
  const size_t begin = out.size();
  out += "{\"name\":";
  append_json_quoted(out, range.name);
  out += ",\"cat\":";
  append_json_quoted(out, range.category);
  out += ",\"ph\":\"X\",\"pid\":";
  detail::append_signed(out, profile().process);
  out += ",\"tid\":";
  detail::append_signed(out, thread);
  out += ",\"ts\":";
  append_microseconds(out, from_ns);
  out += ",\"dur\":";
  append_microseconds(out, ns);
  out += ",\"args\":{";
  const size_t args = out.size();
  append_args(out, range);
  if (out.size() - begin > TraceWriter::kMaxEvent - 8) {
    out.resize(args);
    out += "\"args\":\"too long\"";
  }
  out += "}},\n";
}

void record(ThreadProfile& thread, const detail::OpenRange& range, int64_t end_ns) {
  Profile& p = profile();
  const int64_t ns = end_ns - range.begin_ns;
  add_total(thread.totals, {range.name, range.category},
            {.name = {},
             .category = {},
             .count = 1,
             .total_seconds = 1e-9 * static_cast<double>(ns),
             .self_seconds = 1e-9 * static_cast<double>(ns - range.inside_ns),
             .longest_seconds = 1e-9 * static_cast<double>(ns)});
  // Totals go on when the trace is full.
  if (p.options.trace_path.empty() || p.events.fetch_add(1, std::memory_order_relaxed) >= p.options.max_events) return;
  append_event(thread.text, range, thread.id, range.begin_ns - p.begin_ns, ns);
  if (thread.text.size() < kFlushBytes && end_ns - thread.last_flush_ns < kFlushNs) return;
  thread.last_flush_ns = end_ns;
  flush_text(thread);
}

}  // namespace

detail::OpenRange* detail::open_range(std::string_view name, std::string_view category) noexcept {
  try {
    ThreadProfile& thread = this_thread();
    const uint64_t session = profile().session;
    auto range = std::make_unique<OpenRange>(OpenRange{thread.innermost,
                                                       intern_cached(utf8_prefix(name, kLongestName)),
                                                       intern_cached(utf8_prefix(category, kLongestName)),
                                                       current_scope(),
                                                       session,
                                                       {}});
    thread.innermost = range.get();
    range->begin_ns = now_ns();  // last, so that our own work is not counted
    return range.release();
  } catch (...) {
    return nullptr;  // out of memory: the program matters more than its profile
  }
}

void detail::close_range(OpenRange* closed) noexcept {
  const int64_t end_ns = now_ns();
  const std::unique_ptr<OpenRange> range(closed);
  ThreadProfile& thread = this_thread();
  thread.innermost = range->parent;
  if (range->parent) range->parent->inside_ns += end_ns - range->begin_ns;
  try {
    const std::lock_guard lock(thread.mutex);
    // Checked under the lock: stop_profile() has either not yet collected this thread's data or has cleared the flag.
    if (!profiling_active() || range->session != profile().session) return;
    thread.session = range->session;
    record(thread, *range, end_ns);
  } catch (...) {
    // As in open_range().
  }
}

void detail::note_on_range(OpenRange* range, std::string_view key, std::string_view value) noexcept {
  try {
    range->notes += ',';
    append_json_quoted(range->notes, key);
    range->notes += ':';
    append_json_quoted(range->notes, value);
  } catch (...) {
    // As in open_range().
  }
}

void start_profile(const ProfileOptions& options) {
  Profile& p = profile();
  const std::scoped_lock lock(p.control, p.mutex);
  FARRO_CHECK(!profiling_active(), ValueError, "start_profile: no other profile must run, got a second start");
  p.writer.reset();
  if (!options.trace_path.empty()) p.writer.emplace(options.trace_path);
  p.writer_error.clear();
  p.options = options;
  p.totals.clear();
  p.events = 0;
  p.process = ::getpid();
  p.begin_ns = now_ns();
  ++p.session;
  detail::profile_active.store(true, std::memory_order_release);
  detail::listen_to_ops();
}

ProfileResult stop_profile() {
  Profile& p = profile();
  const std::lock_guard control(p.control);
  FARRO_CHECK(detail::profile_active.exchange(false), ValueError, "stop_profile: a profile must run, got none");
  detail::stop_listening_to_ops();
  const int64_t end_ns = now_ns();
  std::set<std::shared_ptr<ThreadProfile>> threads;
  {
    const std::lock_guard lock(p.threads_mutex);
    threads = p.threads;
  }
  for (const auto& thread : threads) {
    const std::lock_guard lock(thread->mutex);
    flush_text(*thread);
    flush_totals(*thread);
  }
  const std::lock_guard lock(p.mutex);
  if (p.writer && p.writer_error.empty()) p.writer->finish();
  p.writer.reset();
  if (!p.writer_error.empty()) fail<IoError>("stop_profile: ", p.writer_error);

  ProfileResult result;
  result.seconds = 1e-9 * static_cast<double>(end_ns - p.begin_ns);
  result.events = std::min(p.events.load(), p.options.max_events);
  result.dropped_events = std::max<int64_t>(p.events - p.options.max_events, 0);
  for (auto& [key, total] : p.totals) {
    total.name = key.first;
    total.category = key.second;
    result.totals.push_back(std::move(total));
  }
  std::sort(result.totals.begin(), result.totals.end(),
            [](const ProfileTotal& a, const ProfileTotal& b) { return a.self_seconds > b.self_seconds; });
  return result;
}

}  // namespace farro
