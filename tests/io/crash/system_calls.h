// SPDX-License-Identifier: Apache-2.0
// Stands between Farro and the system: the program defines write, fsync, rename and their like itself, so that a test
// can count and record them, or let one fail. Only while `recording` or `failing` is set; otherwise calls pass through.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace farro::io::crash {

// One call that changes files, as a crash could cut the sequence of them.
struct Call {
  enum class Kind { create, write, chmod, sync_file, rename, sync_folder, unlink } kind;
  std::string name;      // of the file in its folder; the old name of a rename
  std::string new_name;  // of a rename
  uint64_t offset = 0;   // of a write
  std::string bytes;
};

// Collects all calls from construction to destruction.
class Recorder {
 public:
  Recorder();
  ~Recorder();
  const std::vector<Call>& calls() const { return calls_; }

 private:
  friend void record(Call call);
  std::vector<Call> calls_;
};

enum class Failure { no_space, input_output, interrupted, short_write };
const char* name(Failure failure);

// Lets one call, the `at`-th (from 0) of those that change files, fail: with ENOSPC, EIO or EINTR, or by writing half.
class FailingCall {
 public:
  FailingCall(Failure failure, int at);
  ~FailingCall();
  bool happened() const;
};

}  // namespace farro::io::crash
