#include <farro/examples/common/program.h>

#include <farro/core/error/error.h>

#include <CLI/CLI.hpp>

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
const CLI::Validator kCount = CLI::Range(int64_t{1}, int64_t{1'000'000'000}).description("POSITIVE");
// CLI11 reads a number that is too large as INT64_MAX.
const CLI::Validator kFromZero = CLI::Range(int64_t{0}, INT64_MAX - 1).description("NONNEGATIVE");

std::string check_device(const std::string& text) {
  constexpr std::string_view kCuda = "cuda:";
  const bool is_numbered = text.starts_with(kCuda) && text.size() > kCuda.size() && text.size() <= kCuda.size() + 3 &&
                           text.find_first_not_of("0123456789", kCuda.size()) == std::string::npos;
  if (text == "auto" || text == "cpu" || text == "cuda" || is_numbered) return {};
  return "must be auto, cpu or cuda:N, got '" + text + "'";
}

}  // namespace

void add_setting(CLI::App& app, RunOptions& options, const std::string& flag, int64_t& value,
                 const std::string& description) {
  options.settings.push_back({app.add_option(flag, value, description)->check(kCount)->capture_default_str(), &value});
}

void add_run_options(CLI::App& app, RunOptions& options) {
  add_setting(app, options, "--epochs", options.epochs, "Passes over the training data");
  add_setting(app, options, "--batch-size", options.batch_size, "Samples per step");
  const CLI::Option* lr =
      app.add_option("--lr", options.lr, "Highest learning rate")->check(CLI::PositiveNumber)->capture_default_str();
  const CLI::Option* seed =
      app.add_option("--seed", options.seed, "Seed of all random numbers")->check(kFromZero)->capture_default_str();
  options.settings.push_back({lr, &options.lr});
  options.settings.push_back({seed, &options.seed});

  app.add_option("--device", options.device, "auto, cpu or cuda:N")->check(check_device)->capture_default_str();
  app.add_option("--out", options.out, "Folder of the run (default: the next free one under runs/)");
  app.add_option("--resume", options.resume,
                 "Checkpoint, or folder of a run, to go on from; the run's later records and checkpoints are removed");
  app.add_option("--max-steps", options.max_steps, "Stop after so many steps in all, with a checkpoint (0: no limit)")
      ->check(kFromZero)
      ->capture_default_str();
  app.add_option("--checkpoint-every", options.checkpoint_every, "Steps between checkpoints (0: one an epoch)")
      ->check(kFromZero)
      ->capture_default_str();
  app.add_option("--threads", options.threads, "CPU threads (0: all)")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
}

int run_program(CLI::App& app, int argc, char** argv, const std::function<void()>& body) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    std::fprintf(stderr, "%s: %s (see --help)\n", app.get_name().c_str(), error.what());
    return 2;
  }
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
