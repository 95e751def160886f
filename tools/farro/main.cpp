// The `farro` command. Errors are one line on stderr and exit code 1; a wrong command line gives exit code 2.
#include <farro/core/error/error.h>
#include <farro/tools/farro/commands.h>

#include <CLI/CLI.hpp>

#include <cstdio>

int main(int argc, char** argv) {
  CLI::App app{"Tools of the Farro runtime", "farro"};
  app.set_version_flag("--version", FARRO_VERSION);
  app.require_subcommand(1);
  farro::tools::add_doctor(app);
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    std::fprintf(stderr, "farro: %s (see farro --help)\n", error.what());
    return 2;
  } catch (const farro::Error& error) {
    std::fprintf(stderr, "farro: %s: %s\n", error.kind(), error.what());
    return 1;
  }
}
