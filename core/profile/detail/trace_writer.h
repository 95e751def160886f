// SPDX-License-Identifier: Apache-2.0
// Writes a Chrome trace piece by piece such that the file is one complete JSON array at every moment, also when the
// process is killed inside a write. Used by profile.cpp, under its lock.
//
// How: SIGKILL can cut a write call between two pages of the file, but not inside one. So each call changes one page:
// it overwrites the closing bracket with events and a new bracket. Behind the bracket the file is filled with blanks,
// which JSON allows. Where the next event does not fit its page, the bracket is put at the page's last byte and moved
// to the next page by a single two-byte store " ]" into a mapping of the file: one instruction, which a kill cannot
// cut.
#pragma once

#include <farro/core/io/file.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace farro {

class TraceWriter {
 public:
  // An event's text may have at most this many bytes.
  static constexpr size_t kMaxEvent = 4000;

  explicit TraceWriter(const std::string& path);
  ~TraceWriter();
  TraceWriter(const TraceWriter&) = delete;
  TraceWriter& operator=(const TraceWriter&) = delete;

  // `events`: lines that each hold one JSON object and a comma: "{...},\n".
  void append(std::string_view events);
  // Removes the blanks at the end.
  void finish();

 private:
  void write_at(uint64_t offset, std::string_view bytes);
  void add_blanks();
  void move_to_next_page();
  void unmap() noexcept;

  std::string path_;
  io::FileDescriptor file_;
  uint64_t bracket_ = 0;    // where the closing bracket stands
  uint64_t size_ = 0;       // of the file, a multiple of the page size
  char* window_ = nullptr;  // the mapped end of the file; null where the file system cannot map
  uint64_t window_begin_ = 0;
};

// `text` as a JSON string with its quotes.
void append_json_quoted(std::string& out, std::string_view text);

}  // namespace farro
