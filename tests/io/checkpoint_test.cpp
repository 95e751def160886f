// SPDX-License-Identifier: Apache-2.0
// Checkpoints under kills, damage and truncation (reliability.md C1, C4, C5, C7).
#include <farro/core/io/checkpoint.h>

#include "io_test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <random>
#include <thread>

namespace farro::io {
namespace {

// Tensors that all hold one number, so that a mixture of two checkpoints is seen.
NamedTensors filled(int64_t value, int64_t elements = 20'000) {
  NamedTensors tensors;
  for (const char* name : {"a", "b", "c"}) {
    Tensor tensor = empty({elements}, {.dtype = DType::i64, .device = Device::cpu()});
    std::fill_n(tensor.data<int64_t>(), elements, value);
    tensors.emplace_back(name, tensor);
  }
  return tensors;
}

bool is_filled(const NamedTensors& tensors, int64_t value) {
  return tensors.size() == 3 && std::all_of(tensors.begin(), tensors.end(), [&](const auto& named) {
           const int64_t* data = named.second.template data<int64_t>();
           return std::all_of(data, data + named.second.numel(), [&](int64_t element) { return element == value; });
         });
}

TEST(Checkpoint, KeepsTheNewestAndFindsThem) {
  const TemporaryFolder parent;
  CheckpointFolder folder(parent.file("run/checkpoints"), 2);
  EXPECT_FALSE(folder.load_latest().has_value());
  for (const int64_t step : std::vector<int64_t>{5, 10, 99'999'999'999, 20})
    folder.save(step, filled(step, 10), {{"epoch", str(step)}});
  EXPECT_EQ(folder.steps(), (std::vector<int64_t>{20, 99'999'999'999}));
  const auto latest = folder.load_latest();
  EXPECT_EQ(latest->step, 99'999'999'999);
  EXPECT_EQ(latest->metadata, (Metadata{{"epoch", "99999999999"}}));
  EXPECT_TRUE(is_filled(latest->tensors, 99'999'999'999));
  EXPECT_TRUE(is_filled(folder.load(20).tensors, 20));
  expect_fault(FileFault::not_found, "No such file", [&] { folder.load(5); });
  EXPECT_THROW(CheckpointFolder(parent.path(), 0), ValueError);
  EXPECT_THROW(folder.save(-1, {}), ValueError);
}

TEST(Checkpoint, TheOneJustWrittenStays) {
  const TemporaryFolder parent;
  CheckpointFolder folder(parent.path(), 3);
  for (const int64_t step : {10, 11, 12, 6}) folder.save(step, filled(step, 10));
  EXPECT_EQ(folder.steps(), (std::vector<int64_t>{6, 11, 12}));
  EXPECT_TRUE(is_filled(folder.load(6).tensors, 6));
}

TEST(Checkpoint, GoingBackRemovesTheLaterOnes) {
  const TemporaryFolder parent;
  CheckpointFolder folder(parent.path(), 3);
  for (const int64_t step : {20, 30, 40}) folder.save(step, filled(step, 10));
  folder.remove_after(20);
  EXPECT_EQ(folder.steps(), (std::vector<int64_t>{20}));
  folder.remove_after(20);
  folder.save(21, filled(21, 10));
  EXPECT_EQ(folder.load_latest()->step, 21);
}

TEST(Checkpoint, OtherFilesAreLeftAlone) {
  const TemporaryFolder folder;
  for (const char* name : {"step-.safetensors", "step-0000000001.safetensors.bak", "step-00000x0001.safetensors",
                           "step-1.safetensors", "step-.safetensors.safetensors", "step--000000001.safetensors"})
    put_file(folder.file(name), "");
  put_file(folder.file(".farro-tmp-0123456789abcdef0123456789abcdef"), "stray");
  CheckpointFolder checkpoints(folder.path(), 1);
  EXPECT_TRUE(checkpoints.steps().empty());
  EXPECT_EQ(folder.file_count(), 6);
}

TEST(Checkpoint, ADamagedOneIsSkippedAndAllDamagedIsAnError) {
  const TemporaryFolder parent;
  CheckpointFolder folder(parent.path(), 3);
  for (const int64_t step : {1, 2}) folder.save(step, filled(step, 10));
  std::filesystem::resize_file(folder.path(2), 100);
  EXPECT_EQ(folder.load_latest()->step, 1);
  std::filesystem::resize_file(folder.path(1), 50);
  expect_fault(FileFault::truncated, "0000000002", [&] { folder.load_latest(); });
}

TEST(Checkpoint, OneThatTheSystemDoesNotReadIsNotDamaged) {
  const TemporaryFolder parent;
  CheckpointFolder folder(parent.path(), 3);
  folder.save(1, filled(1, 10));
  // Stands for every refusal (permissions, too many open files, ...), and is one for root, too.
  std::filesystem::create_symlink(folder.path(2), folder.path(2));
  expect_fault(FileFault::system, "Too many levels of symbolic links", [&] { folder.load_latest(); });
}

// The child saves one checkpoint after the other and tells which are complete; it is killed at a random moment.
TEST(Checkpoint, KillsLoseNothing) {
  const int kills = full_run() ? 200 : 10;
  const TemporaryFolder parent;
  std::mt19937 random(42);
  int64_t step = 0;
  CheckpointFolder(parent.path(), 2).save(0, filled(0));
  for (int kill = 0; kill < kills; ++kill) {
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      CheckpointFolder folder(parent.path(), 2);
      for (int64_t next = step;; ++next) {
        folder.save(next / 2, filled(next));  // each step is written twice: once as a new file, once over a good one
        if (::write(pipe[1], &next, sizeof next) != sizeof next) ::_exit(1);
      }
    }
    ::close(pipe[1]);
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 40'000));
    ::kill(child, SIGKILL);
    int status;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    int64_t reported = step - 1;  // the one before this child
    while (::read(pipe[0], &reported, sizeof reported) == sizeof reported) continue;
    ::close(pipe[0]);

    const CheckpointFolder folder(parent.path(), 2);
    const auto latest = folder.load_latest();
    ASSERT_TRUE(latest.has_value());
    const int64_t value = *latest->tensors[0].second.data<int64_t>();
    EXPECT_TRUE(is_filled(latest->tensors, value));
    EXPECT_EQ(latest->step, value / 2);
    EXPECT_GE(value, reported);
    for (const int64_t other : folder.steps()) EXPECT_NO_THROW(folder.load(other));
    for (const auto& entry : std::filesystem::directory_iterator(parent.path()))
      EXPECT_EQ(entry.path().extension(), ".safetensors");
    step = value + 1;
  }
}

void set_byte(int fd, int64_t at, unsigned char byte) { ASSERT_EQ(::pwrite(fd, &byte, 1, at), 1); }

TEST(Checkpoint, EveryFlippedBitIsRefused) {
  const TemporaryFolder parent;
  CheckpointFolder folder(parent.path());
  folder.save(1, filled(1, 300));
  const std::string good = read_file(folder.path(1));
  const FileDescriptor file(::open(folder.path(1).c_str(), O_WRONLY | O_CLOEXEC));
  std::mt19937 random(3);
  const int flips = full_run() ? 10'000 : 3'000;
  int refused = 0;
  for (int i = 0; i < flips; ++i) {
    // The header is dense with meaning: half of the flips go there.
    const size_t at = random() % (i % 2 ? good.size() : 400);
    const auto byte = static_cast<unsigned char>(good[at]);
    set_byte(file.get(), static_cast<int64_t>(at), static_cast<unsigned char>(byte ^ 1u << random() % 8));
    try {
      folder.load(1);
    } catch (const FileError&) {
      ++refused;
    }
    set_byte(file.get(), static_cast<int64_t>(at), byte);
  }
  EXPECT_EQ(refused, flips);
  EXPECT_NO_THROW(folder.load(1));
}

TEST(Checkpoint, EveryTruncationIsRefused) {
  const TemporaryFolder folder;
  NamedTensors tensors = filled(1, 2700);
  save_safetensors(folder.file("a"), tensors);
  const auto size = static_cast<int64_t>(std::filesystem::file_size(folder.file("a")));
  EXPECT_GE(size, 64'000);
  int64_t refused = 0, tried = 0;
  for (int64_t length = size - 1; length >= 0; length -= full_run() || length < 1000 ? 1 : 41, ++tried) {
    ASSERT_EQ(::truncate(folder.file("a").c_str(), length), 0);
    try {
      load_safetensors(folder.file("a"));
    } catch (const FileError& error) {
      refused += error.fault == FileFault::truncated;
    }
  }
  EXPECT_EQ(refused, tried);
}

TEST(Checkpoint, AReaderOfAReplacedFileSeesOneOrTheOther) {
  const TemporaryFolder folder;
  const std::string path = folder.file("a");
  save_safetensors(path, filled(0));
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (int64_t i = 0; !stop; ++i) save_safetensors(path, filled(i));
  });
  const int loads = full_run() ? 1000 : 200;
  int mixed = 0;
  for (int i = 0; i < loads; ++i) {
    const NamedTensors tensors = load_safetensors(path, {.require_checksum = true}).tensors;
    if (!is_filled(tensors, *tensors[0].second.data<int64_t>())) ++mixed;
  }
  stop = true;
  writer.join();
  EXPECT_EQ(mixed, 0);
}

}  // namespace
}  // namespace farro::io
