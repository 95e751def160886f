// SPDX-License-Identifier: Apache-2.0
// What a training run leaves behind in its folder: metrics.jsonl, TensorBoard event files, curves.svg, checkpoints/.
// Used by the example programs; the training loop itself stays in the example.
#pragma once

#include <farro/core/io/checkpoint.h>
#include <farro/core/io/event_file.h>
#include <farro/core/io/folder_lock.h>
#include <farro/core/io/line_chart.h>
#include <farro/core/io/metrics_log.h>

#include <cstdint>
#include <optional>
#include <string>

namespace farro::examples {

struct StepRecord {
  int64_t step = 0;
  double loss = 0;
  double lr = 0;
  double items_per_second = 0;
  double grad_norm = 0;
  std::string digest;
};

// What an evaluation finds.
struct Score {
  double loss = 0;
  std::optional<double> accuracy = {};
};

struct EpochRecord {
  int64_t step = 0;
  int64_t epoch = 0;
  Score test;
};

// A folder that no other run writes to meanwhile.
struct LockedFolder {
  std::string path;
  io::FolderLock lock;
};

class RunFolder {
 public:
  // `unit` names what items_per_second counts, e.g. "images". A run that goes on keeps the records and checkpoints up
  // to `last_step`.
  // The lock on `folder` is held as long as the run is.
  static RunFolder create(LockedFolder folder, const std::string& unit);
  static RunFolder resume(LockedFolder folder, const std::string& unit, int64_t last_step);

  void record(const StepRecord& step);
  void record(const EpochRecord& epoch);
  void draw_curves() const;

  const std::string& path() const& noexcept { return folder_; }
  io::CheckpointFolder& checkpoints() noexcept { return checkpoints_; }

 private:
  RunFolder(LockedFolder folder, const std::string& unit, io::MetricsLog metrics, int64_t first_step);
  void read_back();

  std::string folder_;
  io::FolderLock lock_;
  std::string rate_name_;
  io::MetricsLog metrics_;
  io::EventFile events_;
  io::CheckpointFolder checkpoints_;
  io::ChartSeries train_loss_, test_loss_, test_accuracy_;
};

// The folder a run writes to: `wanted` if given (ValueError where it holds a run already, IoError where one is at work
// in it), else the first free one of runs/<program>/1, 2, ..., which it makes, so that no other run gets it.
LockedFolder choose_run_folder(const std::string& wanted, const std::string& program);

}  // namespace farro::examples
