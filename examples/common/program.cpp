#include <farro/examples/common/program.h>

#include <farro/core/error/error.h>

#include <CLI/CLI.hpp>

#include <csignal>
#include <cstdio>

namespace farro::examples {

namespace {

volatile std::sig_atomic_t stop_signal = 0;

void note_signal(int number) {
  stop_signal = number;
  std::signal(number, SIG_DFL);
}

}  // namespace

void add_run_options(CLI::App& app, RunOptions& options) {
  app.add_option("--device", options.device, "auto, cpu or cuda:0")->capture_default_str();
  app.add_option("--epochs", options.epochs, "Passes over the training data")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--batch-size", options.batch_size, "Samples per step")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--lr", options.lr, "Highest learning rate")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--seed", options.seed, "Seed of all random numbers")->capture_default_str();
  app.add_option("--out", options.out, "Folder of the run (default: the next free one under runs/)");
  app.add_option("--resume", options.resume, "Checkpoint, or folder of a run, to go on from");
  app.add_option("--max-steps", options.max_steps, "Stop after so many steps in all, with a checkpoint (0: no limit)")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--checkpoint-every", options.checkpoint_every, "Steps between checkpoints (0: one an epoch)")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--threads", options.threads, "CPU threads (0: all)")->check(CLI::NonNegativeNumber)->capture_default_str();
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
