// SPDX-License-Identifier: Apache-2.0
// AtomicFile, InputFile and read_file: what is replaced, what is kept, what is refused.
#include <farro/core/io/atomic_file.h>

#include "io_test.h"

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <thread>

namespace farro::io {
namespace {

mode_t mode_of(const std::string& path) {
  struct stat status;
  EXPECT_EQ(::stat(path.c_str(), &status), 0);
  return status.st_mode & 07777;
}

TEST(AtomicFile, CreatesAFileWithTheModeOfTheUmask) {
  const TemporaryFolder folder;
  const mode_t old = ::umask(027);
  write_file(folder.file("a"), "hello");
  ::umask(old);
  EXPECT_EQ(read_file(folder.file("a")), "hello");
  EXPECT_EQ(mode_of(folder.file("a")), 0640u);
  EXPECT_EQ(folder.file_count(), 1);
}

TEST(AtomicFile, ReplacesAndKeepsModeAndOwner) {
  const TemporaryFolder folder;
  put_file(folder.file("a"), "old");
  ASSERT_EQ(::chmod(folder.file("a").c_str(), 0604), 0);
  const bool root = ::geteuid() == 0;
  if (root) {
    ASSERT_EQ(::chown(folder.file("a").c_str(), 1234, 2345), 0);
  }
  write_file(folder.file("a"), "new");
  EXPECT_EQ(read_file(folder.file("a")), "new");
  EXPECT_EQ(mode_of(folder.file("a")), 0604u);
  struct stat status;
  ASSERT_EQ(::stat(folder.file("a").c_str(), &status), 0);
  if (root) {
    EXPECT_EQ(status.st_uid, 1234u);
    EXPECT_EQ(status.st_gid, 2345u);
  }
}

TEST(AtomicFile, UncommittedLeavesTheOldFileAndNothingElse) {
  const TemporaryFolder folder;
  put_file(folder.file("a"), "old");
  {
    AtomicFile file(folder.file("a"));
    file.write("new");
    EXPECT_EQ(folder.file_count(), 2);
    EXPECT_EQ(read_file(folder.file("a")), "old");
  }
  EXPECT_EQ(read_file(folder.file("a")), "old");
  EXPECT_EQ(folder.file_count(), 1);
}

TEST(AtomicFile, ReplacesASymbolicLinkWithoutFollowingIt) {
  const TemporaryFolder folder;
  put_file(folder.file("victim"), "untouched");
  ASSERT_EQ(::symlink(folder.file("victim").c_str(), folder.file("a").c_str()), 0);
  write_file(folder.file("a"), "new");
  EXPECT_EQ(read_file(folder.file("victim")), "untouched");
  EXPECT_FALSE(std::filesystem::is_symlink(folder.file("a")));
  EXPECT_EQ(read_file(folder.file("a")), "new");
}

TEST(AtomicFile, RefusesWhatIsNoFile) {
  const TemporaryFolder folder;
  make_folder(folder.file("sub/deeper"));
  expect_fault(FileFault::wrong_kind, "regular file, got a folder", [&] { AtomicFile file(folder.file("sub")); });
  ASSERT_EQ(::mkfifo(folder.file("pipe").c_str(), 0600), 0);
  expect_fault(FileFault::wrong_kind, "got a pipe", [&] { AtomicFile file(folder.file("pipe")); });
  expect_fault(FileFault::not_found, "could not open the folder", [&] { AtomicFile file(folder.file("none/a")); });
  put_file(folder.file("plain"), "");
  expect_fault(FileFault::not_found, "could not open the folder", [&] { AtomicFile file(folder.file("plain/a")); });
  expect_fault(FileFault::wrong_kind, "a file has that name", [&] { make_folder(folder.file("plain")); });
  EXPECT_THROW(AtomicFile(folder.file("sub/")), ValueError);
  EXPECT_THROW(AtomicFile(""), ValueError);
  AtomicFile twice(folder.file("twice"));
  twice.commit();
  EXPECT_THROW(twice.commit(), ValueError);
  EXPECT_THROW(twice.write("x"), ValueError);
}

TEST(AtomicFile, LongNamesAndRelativePaths) {
  const TemporaryFolder folder;
  const std::string name(255, 'n');
  write_file(folder.file(name), "x");
  EXPECT_EQ(read_file(folder.file(name)), "x");
}

TEST(AtomicFile, StrayFilesGoAndLiveOnesStay) {
  const TemporaryFolder folder;
  put_file(folder.file(".farro-tmp-0123456789abcdef0123456789abcdef"), "stray");
  put_file(folder.file(".farro-tmp-notes"), "a user's");
  put_file(folder.file(".farro-tmp-0123456789abcdef0123456789abcdeg"), "a user's");
  AtomicFile live(folder.file("a"));
  live.write("new");
  EXPECT_EQ(remove_stray_files(folder.path()), 1);
  EXPECT_EQ(folder.file_count(), 3);
  live.commit();
  EXPECT_EQ(read_file(folder.file("a")), "new");
  expect_fault(FileFault::not_found, "could not open the folder", [&] { remove_stray_files(folder.file("none")); });
}

TEST(AtomicFile, AReaderNeverSeesAMixture) {
  const TemporaryFolder folder;
  const size_t bytes = 100'000;
  write_file(folder.file("a"), std::string(bytes, 'a'));
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (char c = 'a'; !stop; c = c == 'z' ? 'a' : static_cast<char>(c + 1))
      write_file(folder.file("a"), std::string(bytes, c));
  });
  int mixed = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::string content = read_file(folder.file("a"));
    if (content != std::string(bytes, content.empty() ? ' ' : content[0])) ++mixed;
  }
  stop = true;
  writer.join();
  EXPECT_EQ(mixed, 0);
}

TEST(InputFile, ReadsExactlyOrSaysWhatIsMissing) {
  const TemporaryFolder folder;
  put_file(folder.file("a"), "0123456789");
  const InputFile file(folder.file("a"));
  EXPECT_EQ(file.size(), 10u);
  char buffer[4];
  file.read_exact(6, buffer, 4);
  EXPECT_EQ(std::string_view(buffer, 4), "6789");
  expect_fault(FileFault::truncated, "must have at least 11 bytes, got 10", [&] { file.read_exact(7, buffer, 4); });
  expect_fault(FileFault::too_large, "at most 9 bytes, got 10", [&] { read_file(folder.file("a"), 9); });
  expect_fault(FileFault::not_found, "No such file", [&] { read_file(folder.file("none")); });
  expect_fault(FileFault::wrong_kind, "got a folder", [&] { read_file(folder.path()); });
  ASSERT_EQ(::mkfifo(folder.file("pipe").c_str(), 0600), 0);
  expect_fault(FileFault::wrong_kind, "got a pipe", [&] { read_file(folder.file("pipe")); });
}

TEST(FileError, NamesFromFilesArePrintable) {
  EXPECT_EQ(printable("a\x1b[31m\n"), "'a\\x1b[31m\\x0a'");
  EXPECT_EQ(printable("\u009b31m \u00e9"), "'\\xc2\\x9b31m \u00e9'");  // CSI is a command; a letter is not
  EXPECT_EQ(printable("\xff\xc3"), "'\\xff\\xc3'");
  EXPECT_EQ(printable(std::string(79, 'x') + "\u00e9"), "'" + std::string(79, 'x') + "...'");  // no half a character
  EXPECT_EQ(printable(std::string(100, 'x')), "'" + std::string(80, 'x') + "...'");
}

}  // namespace
}  // namespace farro::io
