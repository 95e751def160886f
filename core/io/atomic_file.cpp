// SPDX-License-Identifier: Apache-2.0
// A file that replaces another in one step: written under a temporary name in the same folder, flushed, then renamed
// over the old one. A reader, or a crash at any moment, finds the old content or the new, never a part.
#include <farro/core/io/atomic_file.h>

#include <farro/core/io/file_error.h>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

namespace farro::io {

namespace {

// ".farro-tmp-" and 32 hexadecimal digits: no user names a file so, and 43 bytes fit every file system.
constexpr std::string_view kPrefix = ".farro-tmp-";
constexpr size_t kDigits = 32;

std::string random_name() {
  unsigned char random[kDigits / 2];
  size_t filled = 0;
  while (filled < sizeof random) {
    const ssize_t got = ::getrandom(random + filled, sizeof random - filled, 0);
    if (got < 0 && errno != EINTR) fail_errno(errno, "could not draw a random name for", kPrefix);
    if (got > 0) filled += static_cast<size_t>(got);
  }
  std::string name(kPrefix);
  for (const unsigned char byte : random) {
    name += "0123456789abcdef"[byte >> 4];
    name += "0123456789abcdef"[byte & 15];
  }
  return name;
}

bool is_temporary_name(std::string_view name) {
  return name.size() == kPrefix.size() + kDigits && name.starts_with(kPrefix) &&
         name.find_first_not_of("0123456789abcdef", kPrefix.size()) == std::string_view::npos;
}

int retry_interrupted(auto&& call) {
  int result;
  do result = call();
  while (result < 0 && errno == EINTR);
  return result;
}

struct SplitPath {
  std::string folder, file;
};
SplitPath split(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {".", path};
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

FileDescriptor open_folder(const std::string& folder) {
  FileDescriptor fd(retry_interrupted([&] { return ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (!fd.is_open()) fail_errno(errno, "could not open the folder", folder);
  return fd;
}

// The lock says "its writer lives"; it goes with the process, however that ends. File systems without locks give an
// error other than EWOULDBLOCK, and there a stray file is left for the user.
bool try_lock(int fd) { return ::flock(fd, LOCK_EX | LOCK_NB) == 0; }

}  // namespace

AtomicFile::AtomicFile(std::string path) : path_(std::move(path)) {
  const auto [folder, file] = split(path_);
  FARRO_CHECK(!file.empty() && file != "." && file != "..", ValueError,
              "AtomicFile: path must end in a file name, got '", path_, "'");
  file_name_ = file;
  folder_ = open_folder(folder);

  struct stat old;
  if (::fstatat(folder_.get(), file_name_.c_str(), &old, AT_SYMLINK_NOFOLLOW) == 0) {
    // A rename would replace a pipe or device by a file.
    if (!S_ISREG(old.st_mode) && !S_ISLNK(old.st_mode))
      fail_file(FileFault::wrong_kind, "could not write '", path_, "': it must be absent or a regular file, got a ",
                S_ISDIR(old.st_mode) ? "folder" : "pipe, socket or device");
    replaces_ = S_ISREG(old.st_mode);
    mode_ = old.st_mode & 07777;
    owner_ = old.st_uid;
    group_ = old.st_gid;
  } else if (errno != ENOENT) {
    fail_errno(errno, "could not examine", path_);
  }

  // A replacement stays private until it has the old file's owner and mode; a new file gets what the umask allows.
  const mode_t mode = replaces_ ? 0600 : 0666;
  for (;;) {
    temporary_name_ = random_name();
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    file_ = FileDescriptor(
        retry_interrupted([&] { return ::openat(folder_.get(), temporary_name_.c_str(), flags, mode); }));
    if (!file_.is_open() && errno == EEXIST) continue;
    if (!file_.is_open()) fail_errno(errno, "could not create a temporary file beside", path_);
    // Another process's remove_stray_files() may have met the file before it was locked: then make another one.
    struct stat status;
    if (try_lock(file_.get()) || errno != EWOULDBLOCK) {
      if (::fstat(file_.get(), &status) == 0 && status.st_nlink > 0) return;
    }
  }
}

AtomicFile::~AtomicFile() {
  // Not committed: nothing of it stays.
  if (file_.is_open()) ::unlinkat(folder_.get(), temporary_name_.c_str(), 0);
}

void AtomicFile::write(std::string_view bytes) {
  FARRO_CHECK(file_.is_open(), ValueError, "AtomicFile: write must come before commit, got it after ('", path_, "')");
  write_all(file_.get(), bytes, path_);
}

void AtomicFile::overwrite(uint64_t offset, std::string_view bytes) {
  FARRO_CHECK(file_.is_open(), ValueError, "AtomicFile: overwrite must come before commit, got it after ('", path_,
              "')");
  if (::lseek(file_.get(), static_cast<off_t>(offset), SEEK_SET) < 0) fail_errno(errno, "could not write", path_);
  write_all(file_.get(), bytes, path_);
  if (::lseek(file_.get(), 0, SEEK_END) < 0) fail_errno(errno, "could not write", path_);
}

void AtomicFile::commit() {
  FARRO_CHECK(file_.is_open(), ValueError, "AtomicFile: commit must be called once, got a second call ('", path_, "')");
  if (replaces_) {
    // Only root may give a file away. Where the group cannot be kept, its rights must not pass to another group.
    if (::fchown(file_.get(), owner_, group_) != 0 && ::fchown(file_.get(), uid_t(-1), group_) != 0) mode_ &= ~07070u;
    if (retry_interrupted([&] { return ::fchmod(file_.get(), mode_); }) != 0)
      fail_errno(errno, "could not set the mode of", path_);
  }
  if (retry_interrupted([&] { return ::fsync(file_.get()); }) != 0) fail_errno(errno, "could not flush", path_);
  const auto move = [&] {
    return ::renameat(folder_.get(), temporary_name_.c_str(), folder_.get(), file_name_.c_str());
  };
  if (retry_interrupted(move) != 0) fail_errno(errno, "could not move the new file into place as", path_);
  file_.reset();
  // Without this a power failure may bring the old file back. Some file systems cannot flush a folder (EINVAL).
  if (retry_interrupted([&] { return ::fsync(folder_.get()); }) != 0 && errno != EINVAL)
    fail_errno(errno, "the new content is in place, but could not flush the folder of", path_);
}

void write_file(const std::string& path, std::string_view bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

int remove_stray_files(const std::string& folder) {
  const FileDescriptor folder_fd = open_folder(folder);
  int removed = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename();
    if (!is_temporary_name(name)) continue;
    const FileDescriptor file(::openat(folder_fd.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (file.is_open() && try_lock(file.get()) && ::unlinkat(folder_fd.get(), name.c_str(), 0) == 0) ++removed;
  }
  if (error) fail_errno(error.value(), "could not list the folder", folder);
  return removed;
}

void make_folder(const std::string& folder) {
  std::error_code error, ignored;
  std::filesystem::create_directories(folder, error);
  if (std::filesystem::is_directory(folder, ignored)) return;
  if (std::filesystem::exists(folder, ignored))
    fail_file(FileFault::wrong_kind, "could not create the folder '", folder, "': a file has that name");
  fail_errno(error.value(), "could not create the folder", folder);
}

}  // namespace farro::io
