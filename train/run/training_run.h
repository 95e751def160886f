// SPDX-License-Identifier: Apache-2.0
// The frame of a training loop: which epoch and batch comes next, when to stop, and what the run leaves behind. The
// program brings the step and the evaluation:
//
//     training::TrainingState state{.model = net, .optimizer = adamw, .loader = loader, .schedule = &schedule};
//     training::TrainingRun run(state, std::move(checkpoint), {.epochs = 5, .progress = stdout});
//     data::Batch batch;
//     while (run.begin_epoch()) {
//       while (run.next(batch)) {
//         ... loss.backward();
//         const double lr = adamw.lr();
//         adamw.step();
//         schedule.step();
//         run.record({.loss = loss, .lr = lr});
//       }
//       run.end_epoch([&] { return evaluate(net); });
//     }
//
// Invariant: a run that was stopped and resumed makes the same steps and records, to the bit, as one that was not. For
// that the step may draw random numbers from the default generator alone, and every option it depends on belongs into
// TrainingState::settings.
#pragma once

#include <farro/core/api.h>
#include <farro/train/record/progress.h>
#include <farro/train/run/run_folder.h>
#include <farro/train/run/training_state.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <optional>
#include <string>

namespace farro::training {

struct RunOptions {
  std::string program = "training";  // a run without `out` goes to the next free runs/<program>/1, 2, ...
  std::string out = {};              // the run's folder; a run that is resumed in its own folder needs none
  int64_t epochs = 1;                // of the whole run
  int64_t max_steps = 0;             // stop after so many steps in all, with a checkpoint; 0: no such limit
  int64_t digest_every = 1;          // steps from one record with a digest to the next; 0: none
  int64_t checkpoint_every = 0;      // steps; 0: at the end of each epoch, and where the run stops, only
  int keep_checkpoints = 3;          // the newest so many
  std::string unit = "samples";      // what progress and rates count: of each sample items_per_sample, e.g. tokens
  int64_t items_per_sample = 1;
  std::FILE* progress = nullptr;    // where a line of progress is drawn for each epoch, e.g. stdout; null: nowhere
  std::function<bool()> stop = {};  // asked before each step, besides stop_requested(): true ends the run
};

// The optimizer steps of the whole run: what a schedule is made for. ValueError unless epochs >= 1 and the product is
// below 2^63.
FARRO_API int64_t total_steps(int64_t epochs, const data::DataLoader& loader);

struct StepResult {
  Tensor loss;                           // of one element: the mean over the batch
  double lr = 0;                         // that the step was made with
  std::optional<double> grad_norm = {};  // before clipping
  std::optional<int64_t> correct = {};   // samples of the batch
};

// What a run did in this process.
struct RunSummary {
  int64_t steps = 0;
  double seconds = 0;
  double input_wait_seconds = 0;  // of these
};

class FARRO_API TrainingRun {
 public:
  // Opens the run's folder (run_folder.h says what is written there); with a checkpoint `state` goes on from there, and
  // so do the folder's records. All else that can be wrong must have been found before, for this creates files. `state`
  // must outlive the run. ValueError for options out of range, a folder that holds another run, or a checkpoint that
  // does not fit; FileError, which names the path, for a folder that cannot be made, locked or written to.
  TrainingRun(TrainingState& state, std::optional<Checkpoint> checkpoint, RunOptions options);

  const std::string& path() const& noexcept { return folder_.path(); }
  std::string path() && { return folder_.path(); }

  // False at the end of the run: after the last epoch, at max_steps, by a signal or by RunOptions::stop.
  bool begin_epoch();
  // The next batch; false at the end of the epoch or of the run. The time of a step starts here, so that it shows a
  // slow input. ValueError outside an epoch.
  bool next(data::Batch& batch);
  // After optimizer and schedule made their step: writes its record and, every checkpoint_every steps, a checkpoint.
  // ValueError for a loss that is not finite, or without a batch from next(); FileError.
  void record(const StepResult& result);
  // Where the epoch is complete, evaluates (an empty function: not) and writes the record of the epoch. Then writes a
  // checkpoint, model.safetensors and curves.svg, also where the run stops within the epoch. FileError.
  void end_epoch(const std::function<Score()>& evaluate = {});

  RunSummary summary() const;

 private:
  using Clock = std::chrono::steady_clock;
  bool must_stop() const;

  TrainingState& state_;
  RunOptions options_;
  RunFolder folder_;
  int64_t first_step_;
  int64_t stop_at_;
  Clock::time_point start_;
  double wait_before_;  // of the loader, before this run

  // Of the epoch:
  bool in_epoch_ = false;
  int64_t epoch_ = 0;
  std::optional<Progress> progress_;
  double loss_sum_ = 0;
  int64_t seen_ = 0, correct_ = 0;
  // Of the step:
  Clock::time_point step_start_;
  int64_t batch_size_ = 0;  // 0: no batch is out
};

}  // namespace farro::training
