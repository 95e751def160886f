// SPDX-License-Identifier: Apache-2.0
// Exit codes and the line of an error.
#include <farro/train/program/program.h>

#include <farro/core/error/error.h>
#include <farro/train/run/stop_signals.h>

#include <csignal>
#include <exception>
#include <string>

namespace farro::training {

namespace {

int failed(std::FILE* errors, const std::string& line) {
  std::fputs((line + "\n").c_str(), errors);
  return 1;
}

}  // namespace

int run_program(std::string_view name, std::FILE* errors, const std::function<void()>& body) {
  std::signal(SIGXFSZ, SIG_IGN);
  std::signal(SIGPIPE, SIG_IGN);
  const StopSignals signals;
  try {
    body();
  } catch (const Error& error) {
    return failed(errors, str(name, ": ", error.kind(), ": ", error.what()));
  } catch (const std::exception& error) {
    return failed(errors, str(name, ": ", error.what()));
  }
  return stop_requested() ? 128 + stop_signal() : 0;
}

}  // namespace farro::training
