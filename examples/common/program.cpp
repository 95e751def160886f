// SPDX-License-Identifier: Apache-2.0
// Command-line options of the example programs, signals, and errors as one line.
#include <farro/examples/common/program.h>

#include <farro/core/error/error.h>

#include <CLI/CLI.hpp>

#include <charconv>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <string_view>

namespace farro::examples {

namespace {

volatile std::sig_atomic_t stop_signal = 0;

void note_signal(int number) {
  stop_signal = number;
  std::signal(number, SIG_DFL);
}

// Counts stay so small that no product of two of them overflows.
constexpr int64_t kMostCount = 1'000'000'000;

// Reads all of `text`; a text that is good is brought into the form that CLI11 reads as the same number.
template <class T>
CLI::Validator number(const std::string& wanted, const std::function<bool(T)>& good) {
  return CLI::Validator(
      [=](std::string& text) {
        const char* begin = text.data() + text.starts_with('+');
        T value{};
        const auto [end, error] = std::from_chars(begin, text.data() + text.size(), value);
        if (error != std::errc() || end != text.data() + text.size() || !good(value))
          return "must be " + wanted + ", got '" + text + "'";
        text = str(value);
        return std::string();
      },
      std::string());
}

std::string check_device(const std::string& text) {
  constexpr std::string_view kCuda = "cuda:";
  const bool is_numbered = text.starts_with(kCuda) && text.size() > kCuda.size() && text.size() <= kCuda.size() + 3 &&
                           text.find_first_not_of("0123456789", kCuda.size()) == std::string::npos;
  if (text == "auto" || text == "cpu" || text == "cuda" || is_numbered) return {};
  return "must be auto, cpu or cuda:N, got '" + text + "'";
}

}  // namespace

CLI::Validator whole_number(int64_t low, int64_t high) {
  return number<int64_t>(str("a whole number from ", low, " to ", high),
                         [=](int64_t value) { return value >= low && value <= high; });
}
CLI::Validator positive_number() {
  return number<double>("a positive number", [](double value) { return std::isfinite(value) && value > 0; });
}
CLI::Validator number_between(double low, double high) {
  return number<double>(str("a number from ", low, " to ", high),
                        [=](double value) { return value >= low && value <= high; });
}

std::string check_path(const std::string& text) { return text.empty() ? "must be a path, got ''" : ""; }

void add_setting(CLI::App& app, RunOptions& options, const std::string& flag, int64_t& value,
                 const std::string& description) {
  const CLI::Validator count = whole_number(1, kMostCount);
  const CLI::Option* option = app.add_option(flag, value, description)->transform(count)->capture_default_str();
  options.settings.push_back({option, &value, [count](std::string& text) { return count(text); }});
}

void add_run_options(CLI::App& app, RunOptions& options) {
  add_setting(app, options, "--epochs", options.epochs, "Passes over the training data");
  add_setting(app, options, "--batch-size", options.batch_size, "Samples per step");
  // CLI11 reads a number that is too large as INT64_MAX.
  const CLI::Validator positive = positive_number(), from_zero = whole_number(0, INT64_MAX - 1);
  const CLI::Option* lr =
      app.add_option("--lr", options.lr, "Highest learning rate")->transform(positive)->capture_default_str();
  const CLI::Option* seed =
      app.add_option("--seed", options.seed, "Seed of all random numbers")->transform(from_zero)->capture_default_str();
  options.settings.push_back({lr, &options.lr, [positive](std::string& text) { return positive(text); }});
  options.settings.push_back({seed, &options.seed, [from_zero](std::string& text) { return from_zero(text); }});

  app.add_option("--device", options.device, "auto, cpu or cuda:N")->check(check_device)->capture_default_str();
  app.add_option("--out", options.out, "Folder of the run (default: the next free one under runs/)")->check(check_path);
  app.add_option("--resume", options.resume,
                 "Checkpoint, or folder of a run, to go on from; the run's later records and checkpoints are removed")
      ->check(check_path);
  app.add_option("--max-steps", options.max_steps, "Stop after so many steps in all, with a checkpoint (0: no limit)")
      ->transform(from_zero)
      ->capture_default_str();
  app.add_option("--checkpoint-every", options.checkpoint_every, "Steps between checkpoints (0: one an epoch)")
      ->transform(from_zero)
      ->capture_default_str();
  app.add_option("--threads", options.threads, "CPU threads (0: all)")
      ->transform(whole_number(0, 1024))
      ->capture_default_str();
}

void add_autocast_option(CLI::App& app, RunOptions& options) {
  app.add_option("--autocast", options.autocast, "Mixed precision of the forward pass: bf16 or f16 (default: none)")
      ->check([](const std::string& text) {
        return text == "bf16" || text == "f16" ? std::string() : "must be bf16 or f16, got '" + text + "'";
      });
}

int run_program(CLI::App& app, int argc, char** argv, const std::function<void()>& body) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    std::fprintf(stderr, "%s: %s (see --help)\n", app.get_name().c_str(), error.what());
    return 2;
  }
  // A limit on file sizes, or a reader of the output that went away, is an error of the write, not the end without a
  // word.
  std::signal(SIGXFSZ, SIG_IGN);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGINT, note_signal);
  std::signal(SIGTERM, note_signal);
  try {
    body();
  } catch (const Error& error) {
    std::fprintf(stderr, "%s: %s: %s\n", app.get_name().c_str(), error.kind(), error.what());
    return 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", app.get_name().c_str(), error.what());
    return 1;
  }
  return stop_signal ? 128 + stop_signal : 0;
}

bool stop_requested() noexcept { return stop_signal != 0; }

}  // namespace farro::examples
