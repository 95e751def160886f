// SPDX-License-Identifier: Apache-2.0
// read_maybe_gzip and gunzip: whole files, several members, and every kind of damage.
#include <farro/core/io/gzip.h>

#include "io_test.h"

#include <zlib.h>

#include <vector>

namespace farro::io {
namespace {

std::string gzip(std::string_view text) {
  z_stream stream{};
  EXPECT_EQ(::deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(::deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<unsigned>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<unsigned>(out.size());
  EXPECT_EQ(::deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  ::deflateEnd(&stream);
  return out;
}

std::string sample() {
  std::string text;
  for (int i = 0; i < 50'000; ++i) text += static_cast<char>((i * 7919 >> 3) & 255);
  return text;
}

TEST(Gzip, RoundTripsPlainCompressedAndSeveralMembers) {
  const TemporaryFolder folder;
  const std::string text = sample();
  put_file(folder.file("plain"), text);
  put_file(folder.file("one.gz"), gzip(text));
  put_file(folder.file("two.gz"), gzip(text) + gzip("more"));
  EXPECT_EQ(read_maybe_gzip(folder.file("plain")), text);
  EXPECT_EQ(read_maybe_gzip(folder.file("one.gz")), text);
  EXPECT_EQ(read_maybe_gzip(folder.file("two.gz")), text + "more");
  EXPECT_EQ(gunzip(gzip(""), "x"), "");
}

TEST(Gzip, EveryTruncationIsAnError) {
  const std::string whole = gzip(sample().substr(0, 3000));
  for (size_t length = 0; length < whole.size(); ++length)
    expect_fault(FileFault::truncated, "must be complete", [&] { gunzip(whole.substr(0, length), "x.gz"); });
}

TEST(Gzip, DamageIsAnError) {
  std::string damaged = gzip(sample());
  damaged[damaged.size() - 6] ^= 1;
  expect_fault(FileFault::bad_checksum, "'x.gz'", [&] { gunzip(damaged, "x.gz"); });
  damaged = gzip(sample());
  damaged[2] = 7;
  expect_fault(FileFault::bad_header, "must be intact, got damage near byte", [&] { gunzip(damaged, "x.gz"); });
  expect_fault(FileFault::trailing_bytes, "got 3 more bytes", [&] { gunzip(gzip("abc") + "xyz", "x.gz"); });
}

TEST(Gzip, TheSizeIsBounded) {
  const std::string bomb = gzip(std::string(10'000'000, '\0'));
  EXPECT_LT(bomb.size(), 20'000u);
  expect_fault(FileFault::too_large, "at most 100000 bytes", [&] { gunzip(bomb, "x.gz", 100'000); });
  EXPECT_EQ(gunzip(bomb, "x.gz", 10'000'000).size(), 10'000'000u);
}

}  // namespace
}  // namespace farro::io
