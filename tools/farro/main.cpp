// SPDX-License-Identifier: Apache-2.0
// The `farro` command. Errors are one line on stderr and exit code 1; a wrong command line gives exit code 2.
#include <farro/core/error/error.h>
#include <farro/tools/farro/commands.h>
#include <farro/version.h>

#include <CLI/CLI.hpp>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>

namespace {

// CLI11 says of a command that it does not know that some command is required.
std::string wrong_command(const CLI::App& app, int argc, char** argv) {
  std::string known;
  for (const CLI::App* command : app.get_subcommands(nullptr)) {
    if (argc > 1 && command->get_name() == argv[1]) return {};
    known += (known.empty() ? "" : ", ") + command->get_name();
  }
  if (argc > 1 && argv[1][0] == '-') return {};
  return "command must be one of " + known + ", got " + (argc > 1 ? "'" + std::string(argv[1]) + "'" : "none");
}

}  // namespace

int main(int argc, char** argv) {
  // A limit on file sizes, or a reader of the output that went away, is an error of the write, not the end without a
  // word.
  std::signal(SIGXFSZ, SIG_IGN);
  std::signal(SIGPIPE, SIG_IGN);
  CLI::App app{"Tools of the Farro runtime", "farro"};
  app.set_version_flag("--version", farro::version());
  app.require_subcommand(1);
  farro::tools::add_doctor(app);
  if (const std::string problem = wrong_command(app, argc, argv); !problem.empty()) {
    std::fprintf(stderr, "farro: %s (see farro --help)\n", problem.c_str());
    return 2;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    std::fprintf(stderr, "farro: %s (see farro --help)\n", error.what());
    return 2;
  } catch (const farro::Error& error) {
    std::fprintf(stderr, "farro: %s: %s\n", error.kind(), error.what());
    return 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "farro: %s\n", error.what());
    return 1;
  }
  if (std::fflush(stdout) != 0 && errno != EPIPE) {
    std::fprintf(stderr, "farro: could not write the output: %s\n", std::strerror(errno));
    return 1;
  }
  return 0;
}
