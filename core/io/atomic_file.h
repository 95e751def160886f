// SPDX-License-Identifier: Apache-2.0
// Replaces a file as a whole or not at all: the new content is written beside it, flushed to the disk and moved into
// place. Every file that must survive a kill (checkpoints above all) is written through this. Whatever happens, the
// path holds either the complete old file or the complete new one.
#pragma once

#include <farro/core/api.h>
#include <farro/core/io/file.h>

#include <string>
#include <string_view>

namespace farro::io {

class FARRO_API AtomicFile {
 public:
  // Begins a temporary file in the folder of `path`. The folder must exist; `path` may be absent or a regular file,
  // which keeps its mode and, as far as the system lets this process, its owner. A symbolic link at `path` is replaced,
  // never followed. FileError (not_found, wrong_kind, system) otherwise.
  explicit AtomicFile(std::string path);
  // Removes the temporary file unless committed.
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::string_view bytes);
  void write(const void* data, size_t bytes) { write({static_cast<const char*>(data), bytes}); }
  // Replaces bytes that were written before.
  void overwrite(uint64_t offset, std::string_view bytes);
  // Flushes and moves the file into place; on return the new content survives a power failure. On an error before the
  // move the old file is untouched. ValueError when called twice.
  void commit();

 private:
  std::string path_;
  std::string file_name_;
  std::string temporary_name_;
  FileDescriptor folder_;
  FileDescriptor file_;
  bool replaces_ = false;
  unsigned mode_ = 0, owner_ = 0, group_ = 0;  // of the replaced file
};

// Writes a whole file atomically.
FARRO_API void write_file(const std::string& path, std::string_view bytes);

// Removes temporary files that killed processes left in `folder`, and returns their number. Files of AtomicFiles that
// are still being written, here or in another process, are left alone. Call it when a run starts.
FARRO_API int remove_stray_files(const std::string& folder);

// Creates a folder and its parents where they are absent.
FARRO_API void make_folder(const std::string& folder);

}  // namespace farro::io
