// SPDX-License-Identifier: Apache-2.0
// Decompression of gzip data, with a limit for what comes out: a small file can announce or contain any amount.
#include <farro/core/io/gzip.h>

#include <farro/core/io/file.h>
#include <farro/core/io/file_error.h>

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <memory>

namespace farro::io {

namespace {

struct InflateEnd {
  void operator()(z_stream* stream) const noexcept {
    ::inflateEnd(stream);
    delete stream;
  }
};

std::unique_ptr<z_stream, InflateEnd> make_stream(const std::string& path) {
  auto stream = std::make_unique<z_stream>();
  // zlib's way of asking for a gzip header, with the largest window.
  constexpr int kGzipOnly = 16 + MAX_WBITS;
  if (::inflateInit2(stream.get(), kGzipOnly) != Z_OK)
    fail_file(FileFault::system, "could not decompress '", path, "': zlib could not start");
  return std::unique_ptr<z_stream, InflateEnd>(stream.release());
}

[[noreturn]] void fail_damaged(const std::string& path, const z_stream& stream, size_t at) {
  const std::string_view text = stream.msg ? stream.msg : "no reason given";
  const bool checksum = text == "incorrect data check" || text == "incorrect length check";
  fail_file(checksum ? FileFault::bad_checksum : FileFault::bad_header, "could not decompress '", path,
            "': the gzip data must be intact, got damage near byte ", at, " (", text, ")");
}

}  // namespace

bool is_gzip(std::string_view bytes) noexcept { return bytes.starts_with("\x1f\x8b"); }

std::string gunzip(std::string_view compressed, const std::string& path, uint64_t max_bytes) {
  const auto stream = make_stream(path);
  std::string out;
  size_t used = 0;
  std::string_view rest = compressed;
  while (true) {
    // Growth follows what was really decompressed, so a file cannot make us reserve what it merely announces.
    if (used == out.size()) out.resize(std::max<size_t>(out.size() * 2, size_t{1} << 16));
    constexpr size_t kMaxChunk = std::numeric_limits<unsigned>::max();
    const auto in_chunk = static_cast<unsigned>(std::min(rest.size(), kMaxChunk));
    const auto out_chunk = static_cast<unsigned>(std::min(out.size() - used, kMaxChunk));
    // zlib never writes through next_in; its type lacks the const for old compilers.
    stream->next_in = reinterpret_cast<Bytef*>(const_cast<char*>(rest.data()));
    stream->avail_in = in_chunk;
    stream->next_out = reinterpret_cast<Bytef*>(out.data() + used);
    stream->avail_out = out_chunk;
    const int status = ::inflate(stream.get(), Z_NO_FLUSH);
    rest.remove_prefix(in_chunk - stream->avail_in);
    used += out_chunk - stream->avail_out;
    const size_t at = compressed.size() - rest.size();

    if (used > max_bytes)
      fail_file(FileFault::too_large, "could not decompress '", path, "': the content must have at most ", max_bytes,
                " bytes, got more");
    if (status == Z_STREAM_END) {
      // A gzip file may consist of several members one behind the other (RFC 1952, section 2.2).
      if (rest.empty()) break;
      if (!is_gzip(rest))
        fail_file(FileFault::trailing_bytes, "could not decompress '", path, "': the file must end after ", at,
                  " bytes with its gzip data, got ", rest.size(), " more bytes");
      if (::inflateReset(stream.get()) != Z_OK) fail_damaged(path, *stream, at);
    } else if (status == Z_BUF_ERROR || (status == Z_OK && rest.empty() && stream->avail_out > 0)) {
      fail_file(FileFault::truncated, "could not decompress '", path,
                "': the gzip data must be complete, got its end after ", compressed.size(), " bytes (", used,
                " bytes decompressed)");
    } else if (status != Z_OK) {
      fail_damaged(path, *stream, at);
    }
  }
  out.resize(used);
  return out;
}

std::string read_maybe_gzip(const std::string& path, uint64_t max_bytes) {
  std::string bytes = read_file(path, max_bytes);
  return is_gzip(bytes) ? gunzip(bytes, path, max_bytes) : bytes;
}

}  // namespace farro::io
