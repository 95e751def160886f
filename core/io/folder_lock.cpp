// SPDX-License-Identifier: Apache-2.0
// A lock on a folder, so that two runs do not write to it at once. It is flock's: it ends with the process, however
// that ends, and leaves no file behind.
#include <farro/core/io/folder_lock.h>

#include <farro/core/io/file_error.h>

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

namespace farro::io {

FolderLock::FolderLock(const std::string& folder) : fd_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (!fd_.is_open()) fail_errno(errno, "could not open the folder", folder);
  // The lock belongs to the open folder itself.
  int status;
  do status = ::flock(fd_.get(), LOCK_EX | LOCK_NB);
  while (status != 0 && errno == EINTR);
  // File systems without locks give another error: there a run goes on without one.
  if (status != 0 && errno == EWOULDBLOCK)
    fail_file(FileFault::in_use, "could not lock the folder '", folder, "': it is in use by another run");
}

}  // namespace farro::io
