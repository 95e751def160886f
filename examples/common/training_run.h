// SPDX-License-Identifier: Apache-2.0
// The frame of a training loop: which epoch and batch comes next, when to stop, and what the run leaves behind. The
// programs bring what is worth reading, the step and the evaluation:
//
//     while (run.begin_epoch()) {
//       while (run.next(batch)) {
//         ... loss.backward(); adamw.step(); schedule.step();
//         run.record({.loss = loss, .lr = lr, .grad_norm = grad_norm});
//       }
//       run.end_epoch([&] { return evaluate(net); });
//     }
//     run.finish();
//
// Invariant: a run that was stopped and resumed makes the same steps and records as one that was not.
#pragma once

#include <farro/core/io/progress.h>
#include <farro/examples/common/run_folder.h>
#include <farro/examples/common/training_state.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>

namespace farro::examples {

// The optimizer steps of the whole run.
inline int64_t total_steps(const RunOptions& options, const data::DataLoader& loader) {
  return options.epochs * loader.batches();
}

// What the progress and the rates count.
struct Items {
  std::string unit;  // e.g. "images"
  int64_t samples;   // of an epoch
  int64_t per_sample = 1;
};

struct StepResult {
  Tensor loss;
  double lr;  // that the step was made with
  double grad_norm;
  std::optional<int64_t> correct = {};  // samples of the batch
};

class TrainingRun {
 public:
  // Opens the run's folder; with a checkpoint `state` goes on from there, and so do the folder's records. All that can
  // be wrong with the options must have been found before, for this creates files. ValueError, IoError.
  TrainingRun(TrainingState& state, std::optional<Checkpoint> checkpoint, std::string program, Items items);

  const std::string& path() const& noexcept { return folder_.path(); }

  // False at the end of the run: after the last epoch, at --max-steps or by a signal.
  bool begin_epoch();
  // False at the end of the epoch or of the run. The time of a step starts here, so that it shows a slow input.
  bool next(data::Batch& batch);
  // After optimizer and schedule made their step. ValueError for a loss that is not finite.
  void record(const StepResult& result);
  // Evaluates where the epoch is complete, and writes a checkpoint, model.safetensors and the curves.
  void end_epoch(const std::function<Score()>& evaluate);
  // Prints the time it all took.
  void finish() const;

 private:
  using Clock = std::chrono::steady_clock;
  bool must_stop() const noexcept { return state_.step >= stop_at_ || stop_requested(); }

  TrainingState& state_;
  std::string program_;
  Items items_;
  RunFolder folder_;
  int64_t first_step_;
  int64_t stop_at_;
  Clock::time_point start_;

  // Of the epoch:
  int64_t epoch_ = 0;
  std::optional<io::Progress> progress_;
  double loss_sum_ = 0;
  int64_t seen_ = 0, correct_ = 0;
  // Of the step:
  Clock::time_point step_start_;
  int64_t batch_size_ = 0;
};

}  // namespace farro::examples
