// SPDX-License-Identifier: Apache-2.0
// Stands in front of the system calls that write files: records them, and lets a chosen one fail.
#include "system_calls.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <map>

namespace farro::io::crash {

namespace {

Recorder* recorder = nullptr;
std::map<int, std::string> names;  // of the files that were created while recording

bool failing = false, did_fail = false;
Failure failure;
int calls_left = 0;

template <class Fn>
Fn* next(const char* symbol) {
  return reinterpret_cast<Fn*>(::dlsym(RTLD_NEXT, symbol));
}

// True when this call is the one that fails.
bool fails_now() { return failing && calls_left-- == 0; }

// Sets errno for a call that cannot be short.
bool fails_with_errno() {
  if (!fails_now()) return false;
  did_fail = true;
  errno = failure == Failure::no_space ? ENOSPC : failure == Failure::input_output ? EIO : EINTR;
  return failure != Failure::short_write;
}

std::string name_of(int fd) {
  const auto found = names.find(fd);
  return found == names.end() ? std::string() : found->second;
}

bool is_folder(int fd) {
  struct stat status;
  return ::fstat(fd, &status) == 0 && S_ISDIR(status.st_mode);
}

}  // namespace

void record(Call call) {
  if (recorder) recorder->calls_.push_back(std::move(call));
}

Recorder::Recorder() { recorder = this; }
Recorder::~Recorder() {
  recorder = nullptr;
  names.clear();
}

const char* name(Failure kind) {
  constexpr const char* texts[] = {"ENOSPC", "EIO", "EINTR", "short write"};
  return texts[static_cast<int>(kind)];
}

FailingCall::FailingCall(Failure kind, int at) {
  failure = kind;
  calls_left = at;
  did_fail = false;
  failing = true;
}
FailingCall::~FailingCall() { failing = false; }
bool FailingCall::happened() const { return did_fail; }

}  // namespace farro::io::crash

using farro::io::crash::Call;
using Kind = Call::Kind;
namespace crash = farro::io::crash;

extern "C" {

int openat(int folder, const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const auto mode = flags & O_CREAT ? static_cast<mode_t>(va_arg(arguments, unsigned)) : 0;
  va_end(arguments);
  if (flags & O_CREAT && crash::fails_with_errno()) return -1;
  const int fd = crash::next<int(int, const char*, int, ...)>("openat")(folder, path, flags, mode);
  if (fd >= 0 && flags & O_CREAT && crash::recorder) {
    crash::names[fd] = path;
    crash::record({Kind::create, path, {}, 0, {}});
  }
  return fd;
}

ssize_t write(int fd, const void* data, size_t bytes) {
  using namespace farro::io::crash;
  if (fails_now()) {
    did_fail = true;
    if (failure == Failure::short_write) {
      bytes = (bytes + 1) / 2;
    } else {
      errno = failure == Failure::no_space ? ENOSPC : failure == Failure::input_output ? EIO : EINTR;
      return -1;
    }
  }
  const off_t offset = recorder ? ::lseek(fd, 0, SEEK_CUR) : 0;
  const ssize_t written = next<ssize_t(int, const void*, size_t)>("write")(fd, data, bytes);
  if (written > 0 && !name_of(fd).empty())
    record({Kind::write,
            name_of(fd),
            {},
            static_cast<uint64_t>(offset),
            std::string(static_cast<const char*>(data), static_cast<size_t>(written))});
  return written;
}

int fsync(int fd) {
  if (crash::fails_with_errno()) return -1;
  const int result = crash::next<int(int)>("fsync")(fd);
  if (result == 0)
    crash::record({crash::is_folder(fd) ? Kind::sync_folder : Kind::sync_file, crash::name_of(fd), {}, 0, {}});
  return result;
}

int fchmod(int fd, mode_t mode) {
  if (crash::fails_with_errno()) return -1;
  return crash::next<int(int, mode_t)>("fchmod")(fd, mode);
}

int renameat(int old_folder, const char* old_path, int new_folder, const char* new_path) {
  if (crash::fails_with_errno()) return -1;
  const int result =
      crash::next<int(int, const char*, int, const char*)>("renameat")(old_folder, old_path, new_folder, new_path);
  if (result == 0) crash::record({Kind::rename, old_path, new_path, 0, {}});
  return result;
}

int unlinkat(int folder, const char* path, int flags) {
  if (crash::fails_with_errno()) return -1;
  const int result = crash::next<int(int, const char*, int)>("unlinkat")(folder, path, flags);
  if (result == 0) crash::record({Kind::unlink, path, {}, 0, {}});
  return result;
}

// std::filesystem::remove() comes here.
int remove(const char* path) {
  if (crash::fails_with_errno()) return -1;
  const int result = crash::next<int(const char*)>("remove")(path);
  const std::string text = path;
  if (result == 0) crash::record({Kind::unlink, text.substr(text.rfind('/') + 1), {}, 0, {}});
  return result;
}

}  // extern "C"
