// SPDX-License-Identifier: Apache-2.0
// The command line of an example program, by CLI11: the options that all of them take, as what farro::training wants.
#pragma once

#include <farro/train/run/training_run.h>

#include <CLI/CLI.hpp>

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>

namespace farro::examples {

struct ProgramOptions {
  std::string device = "auto";
  int64_t batch_size = 64;
  double lr = 1e-3;
  int64_t seed = 1;
  std::string resume;             // a checkpoint or a run folder; empty: a new run
  int threads = 0;                // 0: all processors
  std::string autocast = "none";  // mixed precision of the forward pass: "bf16", "f16" or "none"
  training::RunOptions run{.epochs = 5, .progress = stdout};

  ProgramOptions() = default;
  ProgramOptions(const ProgramOptions&) = delete;  // settings point into it

  // What a checkpoint keeps of the options, as of the command line that was parsed.
  training::Settings settings() const { return {kept.begin(), kept.end()}; }
  std::deque<training::Setting> kept;  // elements stay where they are
};

// What an option takes: all of the text must be a number, in decimal, within the bounds.
CLI::Validator whole_number(int64_t low, int64_t high);
CLI::Validator positive_number();
CLI::Validator number_between(double low, double high);
// Some text: an empty variable of a shell script must not mean the default.
std::string check_path(const std::string& text);

// Adds --device, --epochs, ... to the command line, with the defaults that `options` holds.
void add_run_options(CLI::App& app, ProgramOptions& options);
// Adds an option of the program's own that shapes the run. It takes positive numbers.
void add_setting(CLI::App& app, ProgramOptions& options, const std::string& flag, int64_t& value,
                 const std::string& description);

// The checkpoint that --resume names, its settings taken over; nullopt without --resume.
std::optional<training::Checkpoint> load_checkpoint(ProgramOptions& options);

// The precision that --autocast names: within the scope of autocast(dtype, enabled).
struct Precision {
  DType dtype = DType::bf16;
  bool enabled = false;
};
Precision precision(const ProgramOptions& options);

// The device of --device, with `net` on it; a line on stdout where "auto" could not have the GPU.
Device choose_device(const ProgramOptions& options, nn::Module& net, const Tensor& input);

// Prints how long the run took.
void print_summary(const ProgramOptions& options, const training::TrainingRun& run);

// Parses the command line and runs `body`. Returns the exit code: 2 for a wrong command line (one line on stderr), else
// that of training::run_program().
int run_program(CLI::App& app, int argc, char** argv, const std::function<void()>& body);

}  // namespace farro::examples
