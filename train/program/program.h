// SPDX-License-Identifier: Apache-2.0
// The frame of a training program around its command line: signals become a stop with a checkpoint, errors become one
// line and an exit code.
//
//     int main() { return training::run_program("mine", stderr, [] { ... }); }
#pragma once

#include <farro/core/api.h>

#include <cstdio>
#include <functional>
#include <string_view>

namespace farro::training {

// Runs `body`, which may ask stop_requested(), as the whole of a program. Returns its exit code: 0; 128 + the number of
// the SIGINT or SIGTERM that came, however `body` ended its work (130 and 143); 1 for an exception, which becomes a
// line
// "<name>: <kind>: <text>" on `errors`. From here on SIGXFSZ and SIGPIPE are ignored: a limit on file sizes, or a
// reader of the output that went away, is an error of the write and not the end without a word.
FARRO_API int run_program(std::string_view name, std::FILE* errors, const std::function<void()>& body);

}  // namespace farro::training
