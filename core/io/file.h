// SPDX-License-Identifier: Apache-2.0
// Plain files over file descriptors: InputFile reads at offsets, AppendFile writes at the end. Used by every reader and
// writer of core/io. Reads never trust a declared size, and a short read or write is finished or is an error.
// Files are read, not mapped: a file that another process cuts short gives an error here, where a mapping gives SIGBUS.
#pragma once

#include <farro/core/api.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace farro::io {

// Owns a file descriptor.
class FARRO_API FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) noexcept : fd_(fd) {}
  ~FileDescriptor() { reset(); }
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }

  int get() const noexcept { return fd_; }
  bool is_open() const noexcept { return fd_ >= 0; }
  void reset() noexcept;

 private:
  int fd_ = -1;
};

// Writes all of `bytes`, going on after interrupts and short writes. Throws FileError that names `path`.
FARRO_API void write_all(int fd, std::string_view bytes, std::string_view path);

class FARRO_API InputFile {
 public:
  // Opens a regular file; FileError (not_found, wrong_kind, system) otherwise. A pipe or device never blocks the
  // caller.
  explicit InputFile(std::string path);

  const std::string& path() const& noexcept { return path_; }
  std::string path() && { return std::move(path_); }
  uint64_t size() const noexcept { return size_; }
  // Fills `data` with the bytes from `offset` on; FileError (truncated) when the file ends before.
  void read_exact(uint64_t offset, void* data, size_t bytes) const;

 private:
  std::string path_;
  FileDescriptor fd_;
  uint64_t size_ = 0;
};

// A file that only grows. Each append() is one write call, so that a killed process leaves whole records.
class FARRO_API AppendFile {
 public:
  enum class Mode { truncate, append };
  AppendFile(std::string path, Mode mode);

  const std::string& path() const& noexcept { return path_; }
  std::string path() && { return std::move(path_); }
  // All of it or, where the system refuses a part (FileError), nothing.
  void append(std::string_view bytes);

 private:
  std::string path_;
  FileDescriptor fd_;
};

// The whole file. FileError (too_large) when it has more than `max_bytes`.
FARRO_API std::string read_file(const std::string& path, uint64_t max_bytes = uint64_t{1} << 32);

}  // namespace farro::io
