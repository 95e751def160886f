// SPDX-License-Identifier: Apache-2.0
// The frame of an example program: the options that all of them take, and errors as one line with an exit code.
#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <variant>
#include <vector>

namespace farro::examples {

struct RunOptions {
  std::string device = "auto";
  int64_t epochs = 5;
  int64_t batch_size = 64;
  double lr = 1e-3;
  int64_t seed = 1;
  std::string out;               // empty: the next free runs/<program>/<n>
  std::string resume;            // a checkpoint or a run folder
  int64_t max_steps = 0;         // stop after so many steps in all; 0: no such limit
  int64_t checkpoint_every = 0;  // steps; 0: at the end of each epoch only
  int threads = 0;               // 0: all processors
  std::string autocast;          // "bf16" or "f16": mixed precision; empty: none

  // The options that shape a run: a checkpoint keeps them, and a run that goes on takes them over.
  struct Setting {
    const CLI::Option* option;
    std::variant<int64_t*, double*> value;
    std::function<std::string(std::string& text)> check;  // as on the command line: what is wrong, or nothing
  };
  std::vector<Setting> settings;

  RunOptions() = default;
  RunOptions(const RunOptions&) = delete;  // settings point into it
};

// What an option takes: all of the text must be a number, in decimal, within the bounds.
CLI::Validator whole_number(int64_t low, int64_t high);
CLI::Validator positive_number();
CLI::Validator number_between(double low, double high);
// Some text: an empty variable of a shell script must not mean the default.
std::string check_path(const std::string& text);

// Adds --device, --epochs, ... to the command line, with the defaults that `options` holds.
void add_run_options(CLI::App& app, RunOptions& options);
// Adds an option of the program's own that shapes the run. It takes positive numbers.
void add_setting(CLI::App& app, RunOptions& options, const std::string& flag, int64_t& value,
                 const std::string& description);

// Adds --autocast to the command line of a program whose forward passes heed it.
void add_autocast_option(CLI::App& app, RunOptions& options);

// Parses the command line and runs `body`. Returns the exit code: 0, 1 for an error of the run (one line on stderr), 2
// for a wrong command line, 130 where a signal stopped it.
int run_program(CLI::App& app, int argc, char** argv, const std::function<void()>& body);

// True once SIGINT or SIGTERM has come: the loop writes a checkpoint and ends. A second signal ends the process at
// once.
bool stop_requested() noexcept;

}  // namespace farro::examples
