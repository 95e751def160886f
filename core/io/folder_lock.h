// SPDX-License-Identifier: Apache-2.0
// One process at a time in a folder: held by whoever writes there for long, such as a training run.
#pragma once

#include <farro/core/api.h>
#include <farro/core/io/file.h>

#include <string>

namespace farro::io {

// Held until it is destroyed or the process ends, however that happens: no file is left that could block a later run.
// FileError: in_use where another holder lives, in this process or another; not_found, system. File systems without
// locks let everybody in.
class FARRO_API FolderLock {
 public:
  explicit FolderLock(const std::string& folder);

 private:
  FileDescriptor fd_;
};

}  // namespace farro::io
