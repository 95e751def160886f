// SPDX-License-Identifier: Apache-2.0
// Reading and appending through file descriptors: calls that a signal interrupts or that move a part are repeated, and
// failures are typed errors that name the path.
#include <farro/core/io/file.h>

#include <farro/core/io/file_error.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace farro::io {

namespace {
// Linux moves at most this much in one call; larger requests are cut short anyway.
constexpr size_t kMaxTransfer = size_t{1} << 30;

int open_retrying(const char* path, int flags, mode_t mode = 0) {
  int fd;
  do fd = ::open(path, flags | O_CLOEXEC, mode);
  while (fd < 0 && errno == EINTR);
  return fd;
}
}  // namespace

void FileDescriptor::reset() noexcept {
  // A failed close leaves nothing to do: what had to be durable was flushed by fsync before.
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void write_all(int fd, std::string_view bytes, std::string_view path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), std::min(bytes.size(), kMaxTransfer));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_errno(errno, "could not write", path);
    if (written == 0) fail_file(FileFault::system, "could not write '", path, "': the system took no bytes");
    bytes.remove_prefix(static_cast<size_t>(written));
  }
}

InputFile::InputFile(std::string path)
    // O_NONBLOCK: opening a pipe would wait for a writer. It has no effect on regular files.
    : path_(std::move(path)), fd_(open_retrying(path_.c_str(), O_RDONLY | O_NONBLOCK)) {
  if (!fd_.is_open()) fail_errno(errno, "could not open", path_);
  struct stat status;
  if (::fstat(fd_.get(), &status) != 0) fail_errno(errno, "could not examine", path_);
  if (!S_ISREG(status.st_mode))
    fail_read(FileFault::wrong_kind, path_, "it must be a regular file, got a ",
              S_ISDIR(status.st_mode) ? "folder" : "pipe, socket or device");
  size_ = static_cast<uint64_t>(status.st_size);
}

void InputFile::read_exact(uint64_t offset, void* data, size_t bytes) const {
  auto* out = static_cast<char*>(data);
  const uint64_t end = offset + bytes;
  while (bytes > 0) {
    const ssize_t got = ::pread(fd_.get(), out, std::min(bytes, kMaxTransfer), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_errno(errno, "could not read", path_);
    // The size was read when the file was opened: it has been cut since.
    if (got == 0) fail_read(FileFault::truncated, path_, "it must have at least ", end, " bytes, got ", offset);
    out += got;
    offset += static_cast<uint64_t>(got);
    bytes -= static_cast<size_t>(got);
  }
}

AppendFile::AppendFile(std::string path, Mode mode)
    : path_(std::move(path)),
      fd_(open_retrying(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | (mode == Mode::truncate ? O_TRUNC : 0), 0666)) {
  if (!fd_.is_open()) fail_errno(errno, "could not create", path_);
}

void AppendFile::append(std::string_view bytes) {
  struct stat status;
  const bool known = ::fstat(fd_.get(), &status) == 0 && S_ISREG(status.st_mode);
  try {
    write_all(fd_.get(), bytes, path_);
  } catch (...) {
    // Half a record would spoil the next one, too. Where cutting fails as well, the first error is the one to know.
    if (known && ::ftruncate(fd_.get(), status.st_size) != 0) throw;
    throw;
  }
}

std::string read_file(const std::string& path, uint64_t max_bytes) {
  const InputFile file(path);
  if (file.size() > max_bytes)
    fail_read(FileFault::too_large, path, "it must have at most ", max_bytes, " bytes, got ", file.size());
  std::string bytes(static_cast<size_t>(file.size()), '\0');
  file.read_exact(0, bytes.data(), bytes.size());
  return bytes;
}

}  // namespace farro::io
