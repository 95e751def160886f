// SPDX-License-Identifier: Apache-2.0
// The frame of a training loop: epochs, batches, records, checkpoints and the moment to stop.
#include <farro/examples/common/training_run.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

namespace farro::examples {

namespace {

RunFolder open_folder(TrainingState& state, std::optional<Checkpoint> checkpoint, const std::string& program,
                      const std::string& unit) {
  const std::string& out = state.options.out;
  if (!checkpoint) return RunFolder::create(choose_run_folder(out, program), unit);
  state.load(*checkpoint);
  return RunFolder::resume(checkpoint->run ? std::move(*checkpoint->run) : choose_run_folder(out, program), unit,
                           state.step);
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

// `checkpoint` is taken by value, so that its memory goes as soon as it has been loaded.
TrainingRun::TrainingRun(TrainingState& state, std::optional<Checkpoint> checkpoint, std::string program, Items items)
    : state_(state),
      program_(std::move(program)),
      items_(std::move(items)),
      folder_(open_folder(state, std::exchange(checkpoint, std::nullopt), program_, items_.unit)),
      first_step_(state.step),
      stop_at_(total_steps(state.options, state.loader)),
      start_(Clock::now()) {
  if (state.options.max_steps) stop_at_ = std::min(stop_at_, state.options.max_steps);
}

bool TrainingRun::begin_epoch() {
  if (must_stop()) return false;
  epoch_ = state_.loader.epoch();
  loss_sum_ = 0;
  seen_ = correct_ = 0;
  progress_.emplace(stdout, io::ProgressOptions{
                                .label = str("epoch ", epoch_ + 1, "/", state_.options.epochs),
                                .total = items_.samples * items_.per_sample,
                                .done_before = state_.loader.position() * state_.options.batch_size * items_.per_sample,
                                .unit = items_.unit});
  return true;
}

bool TrainingRun::next(data::Batch& batch) {
  step_start_ = Clock::now();
  if (must_stop() || !state_.loader.next(batch)) return false;
  batch_size_ = batch.size();
  return true;
}

void TrainingRun::record(const StepResult& result) {
  const int64_t step = ++state_.step;
  const double loss = result.loss.item(), items = static_cast<double>(batch_size_ * items_.per_sample);
  FARRO_CHECK(std::isfinite(loss), ValueError, "training: loss must stay finite, got ", loss, " at step ", step,
              "; try a lower --lr");
  folder_.record(StepRecord{.step = step,
                            .loss = loss,
                            .lr = result.lr,
                            .items_per_second = items / seconds_since(step_start_),
                            .grad_norm = result.grad_norm,
                            .digest = state_.digest(result.loss)});
  seen_ += batch_size_;
  loss_sum_ += loss * static_cast<double>(batch_size_);
  const double seen = static_cast<double>(seen_);
  if (result.correct) {
    correct_ += *result.correct;
    progress_->advance(static_cast<int64_t>(items),
                       {{"loss", loss_sum_ / seen}, {"accuracy", static_cast<double>(correct_) / seen}});
  } else {
    progress_->advance(static_cast<int64_t>(items), {{"loss", loss_sum_ / seen}});
  }
  // The checkpoint at an epoch's end is end_epoch()'s: it comes after the record, so that a resumed run has both.
  const int64_t every = state_.options.checkpoint_every;
  if (every && step % every == 0 && state_.loader.position() < state_.loader.batches())
    state_.save(folder_.checkpoints());
}

void TrainingRun::end_epoch(const std::function<Score()>& evaluate) {
  if (seen_ == 0) return;
  progress_->stop_clock();
  data::DataLoader& loader = state_.loader;
  // Where the run stops at the last batch, the loader has not moved on yet.
  if (loader.position() == loader.batches()) loader.start_epoch(epoch_ + 1);
  const double loss = loss_sum_ / static_cast<double>(seen_);
  if (loader.epoch() == epoch_) {
    progress_->finish({{"loss", loss}});
  } else {
    const Score test = evaluate();
    if (test.accuracy) {
      progress_->finish({{"loss", loss}, {"test loss", test.loss}, {"test accuracy", *test.accuracy}});
    } else {
      progress_->finish({{"loss", loss}, {"test loss", test.loss}});
    }
    folder_.record(EpochRecord{.step = state_.step, .epoch = epoch_ + 1, .test = test});
  }
  state_.save(folder_.checkpoints());
  io::save_safetensors(path() + "/model.safetensors", state_.model.state_dict().entries(), {{"format", "pt"}});
  folder_.draw_curves();
}

void TrainingRun::finish() const {
  std::printf("%s: %lld steps in %.1f s, %.1f s of them waiting for input\n", program_.c_str(),
              static_cast<long long>(state_.step - first_step_), seconds_since(start_),
              state_.loader.input_wait_seconds());
}

}  // namespace farro::examples
