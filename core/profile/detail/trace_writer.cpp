// SPDX-License-Identifier: Apache-2.0
// A Chrome trace that is valid JSON at every moment, so that a killed run leaves a readable file. Each write replaces
// the closing bracket by events and a new bracket within one page, which a kill cannot cut in two; between pages the
// bracket moves by one store of two bytes.
#include <farro/core/profile/detail/trace_writer.h>

#include <farro/core/io/detail/utf8.h>
#include <farro/core/io/file_error.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace farro {

namespace {
// The smallest page of any system we run on: larger pages only make a write safer.
constexpr uint64_t kPage = 4096;
constexpr uint64_t kWindow = 64 * 1024;  // how far the blanks reach ahead; a multiple of every page size

uint64_t page_end(uint64_t offset) { return (offset / kPage + 1) * kPage; }
}  // namespace

TraceWriter::TraceWriter(const std::string& path)
    : path_(path), file_(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) {
  if (!file_.is_open()) io::fail_errno(errno, "could not create", path_);
  // The first entry lets every later one begin with a comma.
  const std::string head =
      str("[\n{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":", ::getpid(), ",\"args\":{\"name\":\"farro\"}}]");
  write_at(0, head);
  bracket_ = head.size() - 1;
  add_blanks();
}

TraceWriter::~TraceWriter() { unmap(); }

void TraceWriter::write_at(uint64_t offset, std::string_view bytes) {
  if (::lseek(file_.get(), static_cast<off_t>(offset), SEEK_SET) < 0) io::fail_errno(errno, "could not write", path_);
  io::write_all(file_.get(), bytes, path_);
}

void TraceWriter::append(std::string_view events) {
  std::string piece;
  while (!events.empty()) {
    // The piece is ",\n", the events without their last ",\n", and the bracket: one byte more than the events.
    const uint64_t room = page_end(bracket_) - bracket_ - 1;
    const size_t end = room == 0 ? std::string_view::npos : events.rfind('\n', room - 1);
    if (end == std::string_view::npos) {
      FARRO_ASSERT(room < kMaxEvent);
      move_to_next_page();
      continue;
    }
    piece = ",\n";
    piece += events.substr(0, end - 1);
    piece += ']';
    write_at(bracket_, piece);
    bracket_ += piece.size() - 1;
    events.remove_prefix(end + 1);
  }
}

void TraceWriter::move_to_next_page() {
  const uint64_t next = page_end(bracket_);
  if (next + kPage > size_) add_blanks();
  if (bracket_ < next - 1) write_at(bracket_, std::string(next - 1 - bracket_, ' ') + ']');
  if (window_) {
    std::memcpy(window_ + (next - 1 - window_begin_), " ]", 2);
  } else {
    write_at(next - 1, " ]");
  }
  bracket_ = next;
}

void TraceWriter::add_blanks() {
  unmap();
  const uint64_t old_size = size_;
  size_ += kWindow;
  const uint64_t begin = std::max(old_size, bracket_ + 1);
  write_at(begin, std::string(size_ - begin, ' '));
  // The window begins one window back: the store that leaves the old end needs its last byte. Every page of it was
  // written before, so that a full disk shows as an error of a write and not as a signal.
  window_begin_ = old_size < kWindow ? 0 : old_size - kWindow;
  void* mapped = ::mmap(nullptr, size_ - window_begin_, PROT_READ | PROT_WRITE, MAP_SHARED, file_.get(),
                        static_cast<off_t>(window_begin_));
  window_ = mapped == MAP_FAILED ? nullptr : static_cast<char*>(mapped);
}

void TraceWriter::unmap() noexcept {
  if (window_) ::munmap(window_, size_ - window_begin_);
  window_ = nullptr;
}

void TraceWriter::finish() {
  unmap();
  if (::ftruncate(file_.get(), static_cast<off_t>(bracket_ + 1)) != 0) io::fail_errno(errno, "could not finish", path_);
}

void append_json_quoted(std::string& out, std::string_view text) {
  out += '"';
  for (size_t at = 0, length; at < text.size(); at += std::max<size_t>(length, 1)) {
    const char c = text[at];
    const auto byte = static_cast<unsigned char>(c);
    length = utf8_character(text.substr(at));
    if (length == 0) {
      out += "\\ufffd";
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      out += "\\u00";
      out += "0123456789abcdef"[byte >> 4];
      out += "0123456789abcdef"[byte & 15];
    } else {
      out += text.substr(at, length);
    }
  }
  out += '"';
}

}  // namespace farro
