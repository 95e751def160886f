// SPDX-License-Identifier: Apache-2.0
// The subcommands of `farro`. Each adds itself to the command line.
#pragma once

namespace CLI {
class App;
}

namespace farro::tools {

// farro doctor: what was found on this machine, and why a GPU is unused.
void add_doctor(CLI::App& app);

// What `farro doctor --ops --markdown` prints: docs/ops.md.
void print_ops_table();

}  // namespace farro::tools
