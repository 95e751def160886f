// SPDX-License-Identifier: Apache-2.0
// What a training run leaves behind in its folder. Each file is complete at any moment:
//
//     metrics.jsonl         a JSON object a line: {"step","loss","lr","<unit>_per_s","grad_norm","digest"} for each
//     step,
//                           {"step","epoch","test_loss","test_accuracy"} for each epoch
//     events.out.tfevents.* the same for TensorBoard: train/loss, train/lr, train/grad_norm, test/loss, test/accuracy
//     curves.svg            loss and accuracy over the steps
//     model.safetensors     the weights, with PyTorch's names
//     checkpoints/          step-<n>.safetensors, the newest few: all that a run needs to go on
//
// TrainingRun writes it; a loop of one's own may use RunFolder alone.
#pragma once

#include <farro/core/api.h>
#include <farro/core/io/checkpoint.h>
#include <farro/core/io/folder_lock.h>
#include <farro/train/record/event_file.h>
#include <farro/train/record/line_chart.h>
#include <farro/train/record/metrics_log.h>

#include <cstdint>
#include <optional>
#include <string>

namespace farro::training {

struct StepRecord {
  int64_t step = 0;  // from 1 on
  double loss = 0;
  double lr = 0;
  double items_per_second = 0;
  std::optional<double> grad_norm = {};
  std::string digest;  // 16 hexadecimal digits, of TrainingState::digest(); empty: left out
};

// What an evaluation finds.
struct Score {
  double loss = 0;
  std::optional<double> accuracy = {};  // the share that is correct, 0 to 1
};

struct EpochRecord {
  int64_t step = 0;   // the last one of the epoch
  int64_t epoch = 0;  // from 1 on
  std::optional<Score> test = {};
};

// A folder that no other run writes to meanwhile.
struct LockedFolder {
  std::string path;
  io::FolderLock lock;
};

struct RunFolderOptions {
  std::string unit = "samples";  // what items_per_second counts
  int keep_checkpoints = 3;      // the newest so many
};

class FARRO_API RunFolder {
 public:
  // Makes the folder where it is absent, and the files in it. A run that goes on keeps the records and checkpoints up
  // to `last_step` and removes later ones. The lock on `folder` is held as long as the run is. ValueError unless
  // keep_checkpoints >= 1; FileError, which names the path.
  static RunFolder create(LockedFolder folder, const RunFolderOptions& options = {});
  static RunFolder resume(LockedFolder folder, int64_t last_step, const RunFolderOptions& options = {});

  // On return the record is in metrics.jsonl and the event file. FileError.
  void record(const StepRecord& step);
  void record(const EpochRecord& epoch);
  // Writes curves.svg anew. FileError.
  void draw_curves() const;

  const std::string& path() const& noexcept { return folder_; }
  std::string path() && { return std::move(folder_); }
  io::CheckpointFolder& checkpoints() noexcept { return checkpoints_; }

 private:
  RunFolder(LockedFolder folder, const RunFolderOptions& options, MetricsLog metrics, int64_t first_step);
  void read_back();

  std::string folder_;
  io::FolderLock lock_;
  std::string rate_name_;
  MetricsLog metrics_;
  EventFile events_;
  io::CheckpointFolder checkpoints_;
  ChartSeries train_loss_, test_loss_, test_accuracy_;
};

// Whether a run has left records of a step, or a checkpoint, in the folder; false where there is none. FileError where
// the system does not let it be examined.
FARRO_API bool holds_run(const std::string& folder);

// The folder a run writes to: `wanted` if given (ValueError where it holds a run already, FileError where one is at
// work in it or it cannot be made), else the first free one of runs/<program>/1, 2, ..., which it makes, so that no
// other run gets it.
FARRO_API LockedFolder choose_run_folder(const std::string& wanted, const std::string& program);

}  // namespace farro::training
