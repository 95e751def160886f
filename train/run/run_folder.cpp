// SPDX-License-Identifier: Apache-2.0
// The folder of a run: its log, event files, curves and checkpoints, made anew or picked up where a run was stopped.
#include <farro/train/run/run_folder.h>

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

namespace farro::training {

namespace fs = std::filesystem;

namespace {

std::string metrics_path(const std::string& folder) { return folder + "/metrics.jsonl"; }
std::string checkpoints_path(const std::string& folder) { return folder + "/checkpoints"; }

// Kept out of the member initialisers: the folder must be there before the files in it.
std::string prepared(const std::string& folder) {
  io::make_folder(folder);
  io::remove_stray_files(folder);
  return folder;
}

}  // namespace

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

RunFolder::RunFolder(LockedFolder folder, const RunFolderOptions& options, MetricsLog metrics, int64_t first_step)
    : folder_(std::move(folder.path)),
      lock_(std::move(folder.lock)),
      rate_name_(options.unit + "_per_s"),
      metrics_(std::move(metrics)),
      events_(folder_, first_step),
      checkpoints_(checkpoints_path(folder_), options.keep_checkpoints),
      train_loss_{.name = "train", .x = {}, .y = {}, .smoothing = 0.95},
      test_loss_{.name = "test", .x = {}, .y = {}},
      test_accuracy_{.name = "test", .x = {}, .y = {}} {}

RunFolder RunFolder::create(LockedFolder folder, const RunFolderOptions& options) {
  auto metrics = MetricsLog::create(metrics_path(prepared(folder.path)));
  return RunFolder(std::move(folder), options, std::move(metrics), 0);
}

RunFolder RunFolder::resume(LockedFolder folder, int64_t last_step, const RunFolderOptions& options) {
  // The checkpoints first: one of a later step without its records could not be resumed rightly.
  io::CheckpointFolder(checkpoints_path(folder.path), options.keep_checkpoints).remove_after(last_step);
  auto metrics = MetricsLog::resume(metrics_path(prepared(folder.path)), last_step);
  RunFolder run(std::move(folder), options, std::move(metrics), last_step + 1);
  run.read_back();
  return run;
}

void RunFolder::read_back() {
  std::istringstream lines(io::read_file(metrics_path(folder_)));
  for (std::string line; std::getline(lines, line);) {
    const nlohmann::json record = io::parse_json(line, metrics_path(folder_));
    const double step = record.value("step", 0.0);
    const auto take = [&](const char* key, ChartSeries& series) {
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
  std::vector<Metric> metrics{{"loss", step.loss}, {"lr", step.lr}, {rate_name_, step.items_per_second}};
  if (step.grad_norm) metrics.emplace_back("grad_norm", *step.grad_norm);
  if (!step.digest.empty()) metrics.emplace_back("digest", step.digest);
  metrics_.write(step.step, metrics);
  events_.add_scalar("train/loss", step.step, static_cast<float>(step.loss));
  events_.add_scalar("train/lr", step.step, static_cast<float>(step.lr));
  if (step.grad_norm) events_.add_scalar("train/grad_norm", step.step, static_cast<float>(*step.grad_norm));
  train_loss_.x.push_back(static_cast<double>(step.step));
  train_loss_.y.push_back(step.loss);
}

void RunFolder::record(const EpochRecord& epoch) {
  std::vector<Metric> metrics{{"epoch", epoch.epoch}};
  const auto add = [&](const char* name, const char* tag, double value, ChartSeries& series) {
    metrics.emplace_back(name, value);
    events_.add_scalar(tag, epoch.step, static_cast<float>(value));
    series.x.push_back(static_cast<double>(epoch.step));
    series.y.push_back(value);
  };
  if (epoch.test) add("test_loss", "test/loss", epoch.test->loss, test_loss_);
  if (epoch.test && epoch.test->accuracy) add("test_accuracy", "test/accuracy", *epoch.test->accuracy, test_accuracy_);
  metrics_.write(epoch.step, metrics);
}

void RunFolder::draw_curves() const {
  std::vector<LineChart> charts{
      {.title = "Loss", .x_label = "step", .y_label = "loss", .series = {train_loss_, test_loss_}}};
  if (!test_accuracy_.x.empty())
    charts.push_back({.title = "Accuracy", .x_label = "step", .y_label = "share correct", .series = {test_accuracy_}});
  save_svg(folder_ + "/curves.svg", charts);
}

LockedFolder choose_run_folder(const std::string& wanted, const std::string& program) {
  if (!wanted.empty()) {
    const auto check_free = [&] {
      FARRO_CHECK(!holds_run(wanted), ValueError, "out: folder must not hold a run already, got '", wanted,
                  "'; resume that run or choose another folder");
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

}  // namespace farro::training
