// SPDX-License-Identifier: Apache-2.0
// What a power failure or a failing disk leaves of a checkpoint folder.
#include <farro/core/io/checkpoint.h>

#include "../io_test.h"
#include "system_calls.h"

#include <algorithm>
#include <map>
#include <set>

namespace farro::io::crash {
namespace {

NamedTensors filled(int64_t value) {
  NamedTensors tensors;
  for (int i = 0; i < 4; ++i) {
    Tensor tensor = empty({100 + i}, {.dtype = DType::i64, .device = Device::cpu()});
    std::fill_n(tensor.data<int64_t>(), tensor.numel(), value);
    tensors.emplace_back(str("t", i), tensor);
  }
  return tensors;
}

bool is_filled(const NamedTensors& tensors, int64_t value) {
  return tensors.size() == 4 && std::all_of(tensors.begin(), tensors.end(), [&](const auto& named) {
           const int64_t* data = named.second.template data<int64_t>();
           return std::all_of(data, data + named.second.numel(), [&](int64_t element) { return element == value; });
         });
}

// The content of a folder on the disk: names of files, and their contents. Files are numbered, for a file that was
// moved is still the same file.
struct Disk {
  std::map<std::string, int> names;
  std::map<int, std::string> contents;
};

// How much of the bytes that were not flushed has reached the disk.
enum class Unflushed { none, first_half, zeros, all };
constexpr Unflushed kUnflushed[] = {Unflushed::none, Unflushed::first_half, Unflushed::zeros, Unflushed::all};

void write_to(std::string& content, uint64_t offset, const std::string& bytes) {
  content.resize(std::max<size_t>(content.size(), offset + bytes.size()), '\0');
  content.replace(offset, bytes.size(), bytes);
}

void apply_names(Disk& disk, const Call& call, int new_file) {
  if (call.kind == Call::Kind::create) disk.names[call.name] = new_file;
  if (call.kind == Call::Kind::unlink) disk.names.erase(call.name);
  if (call.kind == Call::Kind::rename && disk.names.contains(call.name)) {
    disk.names[call.new_name] = disk.names[call.name];
    disk.names.erase(call.name);
  }
}

bool changes_names(const Call& call) {
  return call.kind == Call::Kind::create || call.kind == Call::Kind::rename || call.kind == Call::Kind::unlink;
}

// The states that a crash after `calls` may leave. Flushed is what must be there: bytes before a file's last fsync,
// names before the folder's last one. Of the rest anything may be there: each choice of how much of the bytes, with
// each subset of the changes of names (file systems reorder them).
std::vector<Disk> crash_states(const Disk& start, std::span<const Call> calls) {
  std::vector<Disk> states;
  Disk flushed_names = start;
  std::vector<std::pair<Call, int>> open_changes;
  std::map<std::string, int> live = start.names;
  std::map<int, std::string> flushed = start.contents, all = start.contents;
  int next_file = 1000;
  for (const Call& call : calls) {
    if (changes_names(call)) {
      open_changes.emplace_back(call, next_file);
      Disk current{live, {}};
      apply_names(current, call, next_file);
      live = current.names;
      if (call.kind == Call::Kind::create) flushed[next_file] = all[next_file] = "", ++next_file;
    }
    if (call.kind == Call::Kind::write) write_to(all[live.at(call.name)], call.offset, call.bytes);
    if (call.kind == Call::Kind::sync_file) flushed[live.at(call.name)] = all[live.at(call.name)];
    if (call.kind == Call::Kind::sync_folder) {
      for (const auto& [change, file] : open_changes) apply_names(flushed_names, change, file);
      open_changes.clear();
    }
  }
  for (size_t subset = 0; subset < size_t{1} << open_changes.size(); ++subset) {
    Disk disk = flushed_names;
    for (size_t i = 0; i < open_changes.size(); ++i)
      if (subset >> i & 1) apply_names(disk, open_changes[i].first, open_changes[i].second);
    for (const Unflushed choice : kUnflushed) {
      disk.contents.clear();
      for (const auto& [file, content] : all) {
        std::string& out = disk.contents[file] = choice == Unflushed::all ? content : flushed[file];
        const size_t rest = content.size() - std::min(content.size(), out.size());
        if (choice == Unflushed::first_half) out += content.substr(out.size(), rest / 2);
        if (choice == Unflushed::zeros) out.append(rest, '\0');
      }
      states.push_back(disk);
    }
  }
  return states;
}

void put_disk(const Disk& disk, const std::string& folder) {
  for (const auto& entry : std::filesystem::directory_iterator(folder)) std::filesystem::remove(entry.path());
  for (const auto& [name, file] : disk.names) put_file(folder + "/" + name, disk.contents.at(file));
}

Disk read_disk(const std::string& folder) {
  Disk disk;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const int file = static_cast<int>(disk.names.size());
    disk.names[entry.path().filename()] = file;
    disk.contents[file] = read_file(entry.path());
  }
  return disk;
}

TEST(Crash, EveryStateOfTheDiskLoads) {
  const TemporaryFolder folder, replay;
  CheckpointFolder checkpoints(folder.path(), 2);
  checkpoints.save(1, filled(1));
  const Disk start = read_disk(folder.path());

  std::vector<Call> calls;
  std::vector<size_t> complete;  // calls after which each save had returned
  for (const int64_t step : {1, 2, 3, 4, 4, 5, 6, 7}) {
    const Recorder recorder;
    checkpoints.save(step, filled(step));
    calls.insert(calls.end(), recorder.calls().begin(), recorder.calls().end());
    complete.push_back(calls.size());
  }
  const std::vector<int64_t> steps = {1, 2, 3, 4, 4, 5, 6, 7};

  // A write is also cut within: as its first half.
  size_t states = 0;
  for (size_t length = 0; length <= calls.size(); ++length) {
    std::vector<std::vector<Call>> sequences = {{calls.begin(), calls.begin() + static_cast<std::ptrdiff_t>(length)}};
    if (length > 0 && calls[length - 1].kind == Call::Kind::write && calls[length - 1].bytes.size() > 1) {
      sequences.push_back(sequences[0]);
      std::string& bytes = sequences[1].back().bytes;
      bytes.resize(bytes.size() / 2);
    }
    int64_t promised = 1;  // the newest step whose save has returned
    for (size_t i = 0; i < complete.size(); ++i)
      if (complete[i] <= length) promised = steps[i];
    for (const auto& sequence : sequences) {
      for (const Disk& disk : crash_states(start, sequence)) {
        ++states;
        put_disk(disk, replay.path());
        const CheckpointFolder after(replay.path(), 2);
        const auto latest = after.load_latest();
        ASSERT_TRUE(latest.has_value()) << "after " << length << " calls";
        ASSERT_GE(latest->step, promised) << "after " << length << " calls";
        ASSERT_TRUE(is_filled(latest->tensors, latest->step)) << "after " << length << " calls";
        for (const auto& [name, file] : read_disk(replay.path()).names)
          ASSERT_TRUE(name.ends_with(".safetensors")) << name;
      }
    }
  }
  EXPECT_GE(states, 1000u);
  RecordProperty("states", static_cast<int>(states));
}

// Each call that changes files fails once, in each way; the old checkpoint stays or the new one is there, and the next
// start finds no stray file.
TEST(Crash, EveryCallMayFail) {
  int failures = 0;
  for (const Failure failure : {Failure::no_space, Failure::input_output, Failure::interrupted, Failure::short_write}) {
    for (int at = 0;; ++at) {
      SCOPED_TRACE(str(name(failure), " at call ", at));
      const TemporaryFolder folder;
      CheckpointFolder checkpoints(folder.path(), 1);
      checkpoints.save(1, filled(1));
      const std::string old_bytes = read_file(checkpoints.path(1));

      bool threw = false, happened = false;
      std::vector<Call> calls;
      {
        const Recorder recorder;
        const FailingCall failing(failure, at);
        try {
          checkpoints.save(1, filled(2));
        } catch (const FileError& error) {
          threw = true;
          EXPECT_EQ(error.fault, FileFault::system);
          EXPECT_THAT(error.what(), testing::HasSubstr(folder.path()));
        }
        happened = failing.happened();
        calls = recorder.calls();
      }
      if (!happened) {
        EXPECT_FALSE(threw);
        break;
      }
      ++failures;
      if (failure == Failure::interrupted || failure == Failure::short_write) {
        EXPECT_FALSE(threw);
      }
      const bool moved =
          std::any_of(calls.begin(), calls.end(), [](const Call& c) { return c.kind == Call::Kind::rename; });
      if (moved) {
        EXPECT_TRUE(is_filled(checkpoints.load(1).tensors, 2));
      } else {
        EXPECT_TRUE(threw);
        EXPECT_EQ(read_file(checkpoints.path(1)), old_bytes);
      }
      const CheckpointFolder next_start(folder.path(), 1);
      EXPECT_EQ(folder.file_count(), 1);
    }
  }
  EXPECT_GE(failures, 40);
}

TEST(Crash, AFailedRemovalOfAnOldCheckpointIsTold) {
  const TemporaryFolder folder;
  CheckpointFolder checkpoints(folder.path(), 1);
  checkpoints.save(1, filled(1));
  int calls = 0;
  {
    const TemporaryFolder other;
    CheckpointFolder counted(other.path(), 1);
    counted.save(1, filled(1));
    const Recorder recorder;
    counted.save(2, filled(2));
    calls = static_cast<int>(recorder.calls().size());
  }
  const FailingCall failing(Failure::input_output, calls - 1);  // the last call removes the old file
  expect_fault(FileFault::system, "could not remove the old checkpoint", [&] { checkpoints.save(2, filled(2)); });
}

}  // namespace
}  // namespace farro::io::crash
