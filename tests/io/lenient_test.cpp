// SPDX-License-Identifier: Apache-2.0
// A part that cannot be read is an error of that part; a writer refuses what its reader would; one run in a folder.
#include <farro/core/io/atomic_file.h>
#include <farro/core/io/checkpoint.h>
#include <farro/core/io/detail/utf8.h>
#include <farro/core/io/folder_lock.h>
#include <farro/core/io/npy.h>
#include <farro/core/io/safetensors.h>
#include <farro/kernels/memory/factories.h>

#include "io_test.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace farro::io {
namespace {

using testing::HasSubstr;

std::string with_header(const std::string& header, const std::string& data) {
  std::string length;
  for (int i = 0; i < 8; ++i) length += static_cast<char>(header.size() >> (8 * i) & 255);
  return length + header + data;
}

TEST(Safetensors, AnElementTypeWithoutTensorsIsAnErrorOfThatTensorAlone) {
  const TemporaryFolder folder;
  const std::string path = folder.file("f8.safetensors");
  put_file(path, with_header(R"({"f":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]},)"
                             R"("ok":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}})",
                             std::string("\x01\x02\0\0\x80\x3f", 6)));
  const SafetensorsFile file(path);
  ASSERT_EQ(file.entries().size(), 2u);
  EXPECT_EQ(file.entry("f").format_dtype, "F8_E4M3");
  EXPECT_EQ(file.entry("f").shape, Shape{2});
  EXPECT_TRUE(file.entry("f").unreadable);
  EXPECT_EQ(file.entry("ok").format_dtype, "F32");
  EXPECT_FALSE(file.entry("ok").unreadable);
  EXPECT_EQ(file.read(file.entry("ok")).item(), 1);
  expect_fault(FileFault::bad_dtype, "got 'F8_E4M3' (tensor: 'f')", [&] { file.read(file.entry("f")); });
  expect_fault(FileFault::bad_dtype, "got 'F8_E4M3' (tensor: 'f')", [&] { load_safetensors(path); });
  const LoadedTensors loaded = load_safetensors(path, {.skip_unreadable = true});
  ASSERT_EQ(loaded.tensors.size(), 1u);
  EXPECT_EQ(loaded.tensors[0].first, "ok");
  EXPECT_EQ(loaded.skipped, std::vector<std::string>{"f"});
}

TEST(Safetensors, EveryElementTypeOfTheFormatIsListedAndItsSizeChecked) {
  const TemporaryFolder folder;
  const std::string path = folder.file("x");
  struct Type {
    const char* name;
    int bytes_of_eight;
  };
  for (const auto& [name, bytes] : std::initializer_list<Type>{
           {"F4", 4},   {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"F8_E4M3", 8}, {"F8_E5M2", 8}, {"F8_E8M0", 8}, {"U16", 16},
           {"U32", 32}, {"U64", 64},    {"C64", 64},    {"BOOL", 8},    {"U8", 8},      {"I8", 8},      {"I16", 16},
           {"F16", 16}, {"BF16", 16},   {"I32", 32},    {"F32", 32},    {"I64", 64},    {"F64", 64}}) {
    SCOPED_TRACE(name);
    const auto put = [&](int size) {
      put_file(path, with_header(str(R"({"x":{"dtype":")", name, R"(","shape":[2,4],"data_offsets":[0,)", size, "]}}"),
                                 std::string(static_cast<size_t>(size), '\0')));
    };
    put(bytes);
    EXPECT_EQ(SafetensorsFile(path).entry("x").format_dtype, name);
    for (const int wrong : {bytes - 1, bytes + 1}) {
      put(wrong);
      expect_fault(FileFault::bad_offsets, str("must span the ", bytes, " bytes"), [&] { SafetensorsFile{path}; });
    }
  }
  put_file(path, with_header(R"({"x":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}})", "12"));
  expect_fault(FileFault::bad_shape, "whole bytes", [&] { SafetensorsFile{path}; });
  // A type that came later: its range is taken as it is.
  put_file(path, with_header(R"({"x":{"dtype":"F128","shape":[3],"data_offsets":[0,5]}})", "12345"));
  EXPECT_EQ(SafetensorsFile(path).entry("x").end, 5u);
  expect_fault(FileFault::bad_dtype, "got 'F128'", [&] { load_safetensors(path); });
}

TEST(Safetensors, MoreDimensionsThanTensorsHaveAreAnErrorOfThatTensorAlone) {
  const TemporaryFolder folder;
  put_file(folder.file("x"), with_header(R"({"n":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,2],"data_offsets":[0,2]},)"
                                         R"("ok":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})",
                                         "\x01\x02\x03"));
  const SafetensorsFile file(folder.file("x"));
  EXPECT_EQ(file.read(file.entry("ok")).item(), 3);
  expect_fault(FileFault::bad_shape, "at most 8 dimensions", [&] { file.read(file.entry("n")); });
}

TEST(Safetensors, WhatIsWrittenIsRead) {
  const TemporaryFolder folder;
  const std::string path = folder.file("x");
  const Tensor t = ones({2});
  // Keys that look like our own from inside.
  for (const char* key : {"a\"farro.crc32c", "farro.crc32c\":\"", "\\\"farro.crc32c", "__metadata__", "", "\n\x7f"}) {
    save_safetensors(path, {{"x", t}, {"", t}, {"farro.crc32c", t}}, {{key, "00000000ff"}, {"z", key}});
    const LoadedTensors loaded = load_safetensors(path, {.require_checksum = true});
    EXPECT_EQ(loaded.metadata.at(key), "00000000ff") << key;
    EXPECT_EQ(loaded.tensors.size(), 3u);
  }
  for (const Shape& sizes : {Shape{0, int64_t{1} << 40, int64_t{1} << 40}, Shape{int64_t{1} << 62, 4, 0}}) {
    Tensor huge;
    try {
      huge = empty(sizes);
    } catch (const UserError&) {
      continue;
    }
    EXPECT_THROW(save_safetensors(folder.file("huge"), {{"x", huge}}), ValueError);
    EXPECT_THROW(save_npy(folder.file("huge"), huge), ValueError);
  }
  EXPECT_THROW(save_npy(folder.file("huge"), empty({2}, {.device = Device::meta()})), ValueError);
  EXPECT_EQ(folder.file_count(), 1);
}

TEST(Safetensors, WhatATemporaryFileListsOutlivesIt) {
  const TemporaryFolder folder;
  save_safetensors(folder.file("x"), {{"a", ones({1})}, {"b", ones({1})}}, {{"k", "v"}});
  std::string names;
  for (const auto& entry : SafetensorsFile(folder.file("x")).entries()) names += entry.name;
  for (const auto& [key, value] : SafetensorsFile(folder.file("x")).metadata()) names += key.substr(0, 1);
  EXPECT_EQ(names, "abfk");
}

TEST(AppendFile, APartOfARecordIsTakenBack) {
  const TemporaryFolder folder;
  const std::string path = folder.file("m.jsonl");
  AppendFile log(path, AppendFile::Mode::truncate);
  log.append("{\"step\":1}\n");
  const std::string before = read_file(path);
  rlimit old;
  ::getrlimit(RLIMIT_FSIZE, &old);
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{before.size() + 10, old.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &limit);
  expect_fault(FileFault::system, "File too large", [&] { log.append("{\"step\":2,\"loss\":0.25}\n"); });
  ::setrlimit(RLIMIT_FSIZE, &old);
  ::signal(SIGXFSZ, handler);
  EXPECT_EQ(read_file(path), before);
  log.append("{\"step\":2}\n");
  EXPECT_EQ(read_file(path), before + "{\"step\":2}\n");
}

TEST(Utf8, WhatIsNoneIsReplaced) {
  EXPECT_EQ(to_utf8("a\xff\xc3\xa4\xed\xa0\x80"), "a\xef\xbf\xbd\xc3\xa4\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

TEST(Checkpoint, OnlyNamesThatAreWrittenAreListed) {
  const TemporaryFolder folder;
  CheckpointFolder checkpoints(folder.path());
  checkpoints.save(5, {{"x", ones({1})}});
  put_file(folder.file("step-00000000007.safetensors"), "");  // 11 digits where 10 are enough
  put_file(folder.file("step-10000000007.safetensors"), "");
  EXPECT_EQ(checkpoints.steps(), (std::vector<int64_t>{5, 10000000007}));
  EXPECT_EQ(checkpoints.load_latest()->step, 5);  // the newest is empty
}

TEST(FolderLock, OneHolderAtATimeAndNoneAfterAKill) {
  const TemporaryFolder folder;
  {
    const FolderLock lock(folder.path());
    expect_fault(FileFault::in_use, "is in use by another run", [&] { FolderLock{folder.path()}; });
  }
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const FolderLock lock(folder.path());
    const char byte = 1;
    if (::write(ready[1], &byte, 1) != 1) ::_exit(1);
    for (;;) ::pause();
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  expect_fault(FileFault::in_use, "is in use by another run", [&] { FolderLock{folder.path()}; });
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  const FolderLock lock(folder.path());
  EXPECT_EQ(folder.file_count(), 0);
  expect_fault(FileFault::not_found, "nowhere", [&] { FolderLock{folder.file("nowhere")}; });
}

}  // namespace
}  // namespace farro::io
