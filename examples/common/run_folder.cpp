// SPDX-License-Identifier: Apache-2.0
// The folder of a run: its log, event files, curves and checkpoints, made anew or picked up where a run was stopped.
#include <farro/examples/common/run_folder.h>

#include <farro/core/io/atomic_file.h>
#include <farro/core/io/file_error.h>
#include <farro/core/io/json.h>

#include <sys/stat.h>
#include <nlohmann/json.hpp>

#include <cerrno>
#include <filesystem>
#include <sstream>
#include <utility>
#include <vector>

namespace farro::examples {

namespace fs = std::filesystem;

namespace {

std::string metrics_path(const std::string& folder) { return folder + "/metrics.jsonl"; }
std::string checkpoints_path(const std::string& folder) { return folder + "/checkpoints"; }

// A run that failed before its first step leaves an empty log and nothing to lose.
bool holds_run(const std::string& folder) {
  std::error_code error;
  const auto bytes = fs::file_size(metrics_path(folder), error);
  if (!error && bytes > 0) return true;
  if (error && error != std::errc::no_such_file_or_directory && error != std::errc::not_a_directory)
    io::fail_errno(error.value(), "could not examine", metrics_path(folder));
  return fs::is_directory(checkpoints_path(folder), error) &&
         !io::CheckpointFolder(checkpoints_path(folder)).steps().empty();
}

// Kept out of the member initialisers: the folder must be there before the files in it.
std::string prepared(const std::string& folder) {
  io::make_folder(folder);
  io::remove_stray_files(folder);
  return folder;
}

}  // namespace

RunFolder::RunFolder(LockedFolder folder, const std::string& unit, io::MetricsLog metrics, int64_t first_step)
    : folder_(std::move(folder.path)),
      lock_(std::move(folder.lock)),
      rate_name_(unit + "_per_s"),
      metrics_(std::move(metrics)),
      events_(folder_, first_step),
      checkpoints_(checkpoints_path(folder_)),
      train_loss_{.name = "train", .x = {}, .y = {}, .smoothing = 0.95},
      test_loss_{.name = "test", .x = {}, .y = {}},
      test_accuracy_{.name = "test", .x = {}, .y = {}} {}

RunFolder RunFolder::create(LockedFolder folder, const std::string& unit) {
  auto metrics = io::MetricsLog::create(metrics_path(prepared(folder.path)));
  return RunFolder(std::move(folder), unit, std::move(metrics), 0);
}

RunFolder RunFolder::resume(LockedFolder folder, const std::string& unit, int64_t last_step) {
  // The checkpoints first: one of a later step without its records could not be resumed rightly.
  io::CheckpointFolder(checkpoints_path(folder.path)).remove_after(last_step);
  auto metrics = io::MetricsLog::resume(metrics_path(prepared(folder.path)), last_step);
  RunFolder run(std::move(folder), unit, std::move(metrics), last_step + 1);
  run.read_back();
  return run;
}

void RunFolder::read_back() {
  std::istringstream lines(io::read_file(metrics_path(folder_)));
  for (std::string line; std::getline(lines, line);) {
    const nlohmann::json record = io::parse_json(line, metrics_path(folder_));
    const double step = record.value("step", 0.0);
    const auto take = [&](const char* key, io::ChartSeries& series) {
      if (!record.contains(key) || !record[key].is_number()) return;
      series.x.push_back(step);
      series.y.push_back(record[key].get<double>());
    };
    take("loss", train_loss_);
    take("test_loss", test_loss_);
    take("test_accuracy", test_accuracy_);
  }
}

void RunFolder::record(const StepRecord& step) {
  metrics_.write(step.step, {{"loss", step.loss},
                             {"lr", step.lr},
                             {rate_name_, step.items_per_second},
                             {"grad_norm", step.grad_norm},
                             {"digest", step.digest}});
  events_.add_scalar("train/loss", step.step, static_cast<float>(step.loss));
  events_.add_scalar("train/lr", step.step, static_cast<float>(step.lr));
  events_.add_scalar("train/grad_norm", step.step, static_cast<float>(step.grad_norm));
  train_loss_.x.push_back(static_cast<double>(step.step));
  train_loss_.y.push_back(step.loss);
}

void RunFolder::record(const EpochRecord& epoch) {
  const auto [loss, accuracy] = epoch.test;
  const double step = static_cast<double>(epoch.step);
  events_.add_scalar("test/loss", epoch.step, static_cast<float>(loss));
  test_loss_.x.push_back(step);
  test_loss_.y.push_back(loss);
  if (!accuracy) return metrics_.write(epoch.step, {{"epoch", epoch.epoch}, {"test_loss", loss}});
  metrics_.write(epoch.step, {{"epoch", epoch.epoch}, {"test_loss", loss}, {"test_accuracy", *accuracy}});
  events_.add_scalar("test/accuracy", epoch.step, static_cast<float>(*accuracy));
  test_accuracy_.x.push_back(step);
  test_accuracy_.y.push_back(*accuracy);
}

void RunFolder::draw_curves() const {
  std::vector<io::LineChart> charts{
      {.title = "Loss", .x_label = "step", .y_label = "loss", .series = {train_loss_, test_loss_}}};
  if (!test_accuracy_.x.empty())
    charts.push_back({.title = "Accuracy", .x_label = "step", .y_label = "share correct", .series = {test_accuracy_}});
  io::save_svg(folder_ + "/curves.svg", charts);
}

LockedFolder choose_run_folder(const std::string& wanted, const std::string& program) {
  if (!wanted.empty()) {
    const auto check_free = [&] {
      FARRO_CHECK(!holds_run(wanted), ValueError, "--out: folder must not hold a run already, got '", wanted,
                  "'; go on with --resume ", wanted, " or choose another");
    };
    std::error_code ignored;
    if (fs::is_directory(wanted, ignored)) io::FolderLock{wanted};  // of a run at work that is the thing to say
    check_free();
    io::make_folder(wanted);
    LockedFolder folder{wanted, io::FolderLock(wanted)};
    check_free();  // a run that was quicker may have begun, and ended, since
    return folder;
  }
  const std::string parent = str("runs/", program);
  io::make_folder(parent);
  for (int number = 1;; ++number) {
    const std::string folder = str(parent, "/", number);
    if (::mkdir(folder.c_str(), 0777) == 0) return {folder, io::FolderLock(folder)};
    if (errno != EEXIST) io::fail_errno(errno, "could not create the folder", folder);
  }
}

}  // namespace farro::examples
