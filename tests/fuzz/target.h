// SPDX-License-Identifier: Apache-2.0
// What the fuzz program feeds with mutants: readers of files, and whatever else takes bytes or text from outside.
#pragma once

#include <functional>
#include <map>
#include <string>

namespace farro::fuzz {

struct Target {
  // Takes the file's content or refuses it: a file reader with a FileError, the others with any UserError. It throws
  // something else where the target did what it must not.
  std::function<void(const std::string& path)> read;
  bool reads_files = false;
};

// By name; each has a folder of that name in corpus/.
std::map<std::string, Target> targets();

// In memory: readers that replace files flush them, which would take most of the time on a disk.
std::string temporary_path();

}  // namespace farro::fuzz
