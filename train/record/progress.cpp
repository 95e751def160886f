// SPDX-License-Identifier: Apache-2.0
// The progress line of a program: drawn over on a terminal, a plain line now and then elsewhere.
#include <farro/train/record/progress.h>

#include <farro/core/error/error.h>

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace farro::training {

namespace {

constexpr int kBarWidth = 24;

template <class... Args>
std::string format(const char* pattern, Args... args) {
  std::array<char, 64> buffer;
  const int length = std::snprintf(buffer.data(), buffer.size(), pattern, args...);
  return std::string(buffer.data(), static_cast<size_t>(std::clamp<int>(length, 0, buffer.size() - 1)));
}

// "1:02:03", "2:03", or "4.2 s" below ten seconds.
std::string format_seconds(double seconds) {
  // Below it "%.1f" cannot round up to "10.0".
  if (seconds < 9.95) return format("%.1f s", std::max(seconds, 0.0));
  const auto whole = static_cast<int64_t>(std::min(std::round(seconds), 1e15));
  const auto minutes = static_cast<long long>(whole / 60 % 60), rest = static_cast<long long>(whole % 60);
  if (whole < 3600) return format("%lld:%02lld", minutes, rest);
  return format("%lld:%02lld:%02lld", static_cast<long long>(whole / 3600), minutes, rest);
}

// "12,345"
std::string format_count(double value) {
  if (!std::isfinite(value) || value >= 1e15) return "?";
  const std::string digits = str(static_cast<int64_t>(std::round(value)));
  std::string out;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) out += ',';
    out += digits[i];
  }
  return out;
}

// A bar of eighths of a character: "██████▍         ".
std::string format_bar(double fraction) {
  constexpr std::string_view eighths[] = {" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const int filled = static_cast<int>(std::clamp(fraction, 0.0, 1.0) * kBarWidth * 8);
  std::string bar;
  for (int i = 0; i < filled / 8; ++i) bar += "█";
  if (filled % 8) bar += eighths[filled % 8];
  bar.append(static_cast<size_t>(kBarWidth - (filled + 7) / 8), ' ');
  return bar;
}

// Cuts UTF-8 text to the terminal's width: a line that wraps could not be drawn over.
std::string_view cut(std::string_view text, int columns) {
  size_t at = 0;
  for (; at < text.size(); ++at) {
    const bool starts_character = (static_cast<unsigned char>(text[at]) & 0xc0) != 0x80;
    if (starts_character && columns-- <= 0) break;
  }
  return text.substr(0, at);
}

int terminal_columns(std::FILE* out) {
  winsize size{};
  return ::ioctl(::fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 100;
}

}  // namespace

Progress::Progress(std::FILE* out, ProgressOptions options)
    : out_(out), options_(std::move(options)), start_(Clock::now()), next_(start_) {
  FARRO_CHECK(options_.total >= 0, ValueError, "Progress: total must be at least 0, got ", options_.total);
  FARRO_CHECK(options_.done_before >= 0, ValueError, "Progress: done_before must be at least 0, got ",
              options_.done_before);
  const bool terminal = options_.style == ProgressOptions::Style::automatic && ::isatty(::fileno(out_));
  bar_ = terminal || options_.style == ProgressOptions::Style::bar;
}

Progress::~Progress() {
  if (line_open_) {
    std::fputc('\n', out_);
    std::fflush(out_);
  }
}

void Progress::advance(int64_t items, std::initializer_list<Number> numbers) {
  done_ += items;
  const auto now = Clock::now();
  if (now < next_) return;
  // In a log the first line comes after line_seconds; on a terminal the bar is there at once.
  const bool first_plain_line = !bar_ && next_ == start_;
  next_ = now + std::chrono::duration_cast<Clock::duration>(
                    std::chrono::duration<double>(bar_ ? 0.1 : options_.line_seconds));
  if (!first_plain_line) draw(line(seconds(), numbers, false), false);
}

void Progress::stop_clock() { end_ = Clock::now(); }

void Progress::finish(std::initializer_list<Number> numbers) { draw(line(seconds(), numbers, true), true); }

double Progress::seconds() const { return std::chrono::duration<double>(end_.value_or(Clock::now()) - start_).count(); }

std::string Progress::line(double seconds, std::initializer_list<Number> numbers, bool final) const {
  const double rate = seconds > 0 ? static_cast<double>(done_) / seconds : 0;
  const int64_t left = options_.total - options_.done_before - done_;
  const double fraction = options_.total > 0 ? 1 - static_cast<double>(left) / static_cast<double>(options_.total) : 0;
  std::string text = options_.label;
  if (options_.total > 0 && !final) {
    text += format("  %3.0f%% ", std::floor(std::min(fraction, 1.0) * 100));
    if (bar_) text += format_bar(fraction);
  }
  for (const Number& number : numbers) text += str("  ", number.name, format(" %.4g", number.value));
  // The first moment says nothing about the rate.
  const bool has_rate = final || seconds >= 0.05;
  if (has_rate) text += str("  ", format_count(rate), " ", options_.unit, "/s");
  if (final) {
    text += "  in " + format_seconds(seconds);
  } else if (has_rate && rate > 0 && options_.total > 0 && left >= 0) {
    text += str("  ", format_seconds(static_cast<double>(left) / rate), " left");
  }
  return text;
}

void Progress::draw(std::string_view text, bool final) {
  line_open_ = bar_ && !final;
  // "\x1b[K" erases what a longer line left behind.
  const std::string shown = bar_ ? str("\r", cut(text, terminal_columns(out_) - 1), "\x1b[K") : std::string(text);
  const std::string out = line_open_ ? shown : str(shown, "\n");
  std::fwrite(out.data(), 1, out.size(), out_);
  std::fflush(out_);
}

}  // namespace farro::training
