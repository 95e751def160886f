// SPDX-License-Identifier: Apache-2.0
// What the tests of core/io share: a folder of their own, and errors checked with their reason and text.
#pragma once

#include <farro/core/io/file.h>
#include <farro/core/io/file_error.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace farro::io {

// A fresh folder, removed with its content at the end of the test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = std::filesystem::temp_directory_path() / "farro_io_XXXXXX";
    if (!::mkdtemp(pattern.data())) fail<InternalError>("mkdtemp");
    path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  int file_count() const {
    int count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(path_)) ++count;
    return count;
  }

 private:
  std::string path_;
};

inline void put_file(const std::string& path, std::string_view bytes) {
  AppendFile(path, AppendFile::Mode::truncate).append(bytes);
}

// Longer runs of the same tests: tools/test --full.
inline bool full_run() {
  const char* text = std::getenv("FARRO_TEST_FULL");
  return text && std::string_view(text) == "1";
}

template <class Fn>
void expect_fault(FileFault fault, const std::string& text, Fn&& fn) {
  try {
    fn();
    ADD_FAILURE() << "no error, expected one with: " << text;
  } catch (const FileError& error) {
    EXPECT_STREQ(name(error.fault), name(fault)) << error.what();
    EXPECT_THAT(error.what(), testing::HasSubstr(text));
  }
}

}  // namespace farro::io
