// SPDX-License-Identifier: Apache-2.0
// The frame of a training loop: epochs, batches, records, checkpoints and the moment to stop.
#include <farro/train/run/training_run.h>

#include <farro/core/util/checked.h>
#include <farro/train/run/stop_signals.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace farro::training {

namespace {

RunOptions checked(RunOptions options) {
  FARRO_CHECK(!options.program.empty(), ValueError, "TrainingRun: program must be a name, got ''");
  FARRO_CHECK(options.max_steps >= 0, ValueError, "TrainingRun: max_steps must be at least 0, got ", options.max_steps);
  FARRO_CHECK(options.checkpoint_every >= 0, ValueError, "TrainingRun: checkpoint_every must be at least 0, got ",
              options.checkpoint_every);
  FARRO_CHECK(options.digest_every >= 0, ValueError, "TrainingRun: digest_every must be at least 0, got ",
              options.digest_every);
  FARRO_CHECK(options.keep_checkpoints >= 1, ValueError, "TrainingRun: keep_checkpoints must be at least 1, got ",
              options.keep_checkpoints);
  FARRO_CHECK(options.items_per_sample >= 1, ValueError, "TrainingRun: items_per_sample must be at least 1, got ",
              options.items_per_sample);
  return options;
}

RunFolder open_folder(TrainingState& state, std::optional<Checkpoint> checkpoint, const RunOptions& options) {
  const RunFolderOptions kept{.unit = options.unit, .keep_checkpoints = options.keep_checkpoints};
  // Before files are made.
  total_steps(options.epochs, state.loader);
  FARRO_CHECK((Checked(options.items_per_sample) * state.loader.samples()).ok(), ValueError,
              "TrainingRun: items_per_sample must leave fewer than 2^63 items in an epoch, got ",
              options.items_per_sample, " for each of ", state.loader.samples());
  if (!checkpoint) return RunFolder::create(choose_run_folder(options.out, options.program), kept);
  state.load(*checkpoint);
  LockedFolder folder = checkpoint->run ? std::move(*checkpoint->run) : choose_run_folder(options.out, options.program);
  return RunFolder::resume(std::move(folder), state.step, kept);
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

int64_t total_steps(int64_t epochs, const data::DataLoader& loader) {
  FARRO_CHECK(epochs >= 1, ValueError, "total_steps: epochs must be at least 1, got ", epochs);
  const Checked steps = Checked(epochs) * loader.batches();
  FARRO_CHECK(steps.ok(), ValueError, "total_steps: epochs must leave fewer than 2^63 steps, got ", epochs, " of ",
              loader.batches());
  return steps.value();
}

// `checkpoint` is taken by value, so that its memory goes as soon as it has been loaded.
TrainingRun::TrainingRun(TrainingState& state, std::optional<Checkpoint> checkpoint, RunOptions options)
    : state_(state),
      options_(checked(std::move(options))),
      folder_(open_folder(state, std::exchange(checkpoint, std::nullopt), options_)),
      first_step_(state.step),
      stop_at_(total_steps(options_.epochs, state.loader)),
      start_(Clock::now()),
      wait_before_(state.loader.input_wait_seconds()) {
  if (options_.max_steps) stop_at_ = std::min(stop_at_, options_.max_steps);
}

bool TrainingRun::must_stop() const {
  return state_.step >= stop_at_ || state_.loader.epoch() >= options_.epochs || stop_requested() ||
         (options_.stop && options_.stop());
}

bool TrainingRun::begin_epoch() {
  in_epoch_ = !must_stop();
  if (!in_epoch_) return false;
  const data::DataLoader& loader = state_.loader;
  epoch_ = loader.epoch();
  loss_sum_ = 0;
  seen_ = correct_ = 0;
  if (options_.progress)
    progress_.emplace(options_.progress, ProgressOptions{.label = str("epoch ", epoch_ + 1, "/", options_.epochs),
                                                         .total = loader.samples() * options_.items_per_sample,
                                                         .done_before = loader.position() * loader.batch_size() *
                                                                        options_.items_per_sample,
                                                         .unit = options_.unit});
  return true;
}

bool TrainingRun::next(data::Batch& batch) {
  FARRO_CHECK(in_epoch_, ValueError, "TrainingRun::next: begin_epoch() must have given true before, got no epoch");
  step_start_ = Clock::now();
  if (must_stop() || !state_.loader.next(batch)) return false;
  batch_size_ = batch.size();
  return true;
}

void TrainingRun::record(const StepResult& result) {
  FARRO_CHECK(batch_size_ > 0, ValueError,
              "TrainingRun::record: next() must have given a batch for the step, got none");
  const int64_t batch_size = std::exchange(batch_size_, 0), step = ++state_.step;
  const int64_t items = batch_size * options_.items_per_sample;
  const double loss = result.loss.item();
  FARRO_CHECK(std::isfinite(loss), ValueError, "training: loss must stay finite, got ", loss, " at step ", step,
              "; try a lower learning rate");
  const bool digests = options_.digest_every && step % options_.digest_every == 0;
  folder_.record(StepRecord{.step = step,
                            .loss = loss,
                            .lr = result.lr,
                            .items_per_second = static_cast<double>(items) / seconds_since(step_start_),
                            .grad_norm = result.grad_norm,
                            .digest = digests ? state_.digest(result.loss) : ""});
  seen_ += batch_size;
  loss_sum_ += loss * static_cast<double>(batch_size);
  correct_ += result.correct.value_or(0);
  if (progress_) {
    const double seen = static_cast<double>(seen_);
    if (result.correct) {
      progress_->advance(items, {{"loss", loss_sum_ / seen}, {"accuracy", static_cast<double>(correct_) / seen}});
    } else {
      progress_->advance(items, {{"loss", loss_sum_ / seen}});
    }
  }
  // The checkpoint at an epoch's end is end_epoch()'s: it comes after the record, so that a resumed run has both.
  const int64_t every = options_.checkpoint_every;
  if (every && step % every == 0 && state_.loader.position() < state_.loader.batches())
    state_.save(folder_.checkpoints());
}

void TrainingRun::end_epoch(const std::function<Score()>& evaluate) {
  in_epoch_ = false;
  if (seen_ == 0) return;
  if (progress_) progress_->stop_clock();
  data::DataLoader& loader = state_.loader;
  // Where the run stops at the last batch, the loader has not moved on yet.
  if (loader.position() == loader.batches()) loader.start_epoch(epoch_ + 1);
  std::optional<Score> test;
  if (loader.epoch() != epoch_) {
    if (evaluate) test = evaluate();
    folder_.record(EpochRecord{.step = state_.step, .epoch = epoch_ + 1, .test = test});
  }
  if (progress_) {
    const double loss = loss_sum_ / static_cast<double>(seen_);
    if (test && test->accuracy) {
      progress_->finish({{"loss", loss}, {"test loss", test->loss}, {"test accuracy", *test->accuracy}});
    } else if (test) {
      progress_->finish({{"loss", loss}, {"test loss", test->loss}});
    } else {
      progress_->finish({{"loss", loss}});
    }
  }
  state_.save(folder_.checkpoints());
  io::save_safetensors(path() + "/model.safetensors", state_.model.state_dict().entries(), {{"format", "pt"}});
  folder_.draw_curves();
}

RunSummary TrainingRun::summary() const {
  return {.steps = state_.step - first_step_,
          .seconds = seconds_since(start_),
          .input_wait_seconds = state_.loader.input_wait_seconds() - wait_before_};
}

}  // namespace farro::training
