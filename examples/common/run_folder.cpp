#include <farro/examples/common/run_folder.h>

#include <farro/core/io/atomic_file.h>
#include <farro/core/io/json.h>

#include <nlohmann/json.hpp>

#include <array>
#include <filesystem>
#include <sstream>
#include <utility>

namespace farro::examples {

namespace fs = std::filesystem;

namespace {

std::string metrics_path(const std::string& folder) { return folder + "/metrics.jsonl"; }

// Kept out of the member initialisers: the folder must be there before the files in it.
std::string prepared(const std::string& folder) {
  io::make_folder(folder);
  io::remove_stray_files(folder);
  return folder;
}

}  // namespace

RunFolder::RunFolder(std::string folder, const std::string& unit, io::MetricsLog metrics, int64_t first_step)
    : folder_(std::move(folder)),
      rate_name_(unit + "_per_s"),
      metrics_(std::move(metrics)),
      events_(folder_, first_step),
      checkpoints_(folder_ + "/checkpoints"),
      train_loss_{.name = "train", .x = {}, .y = {}, .smoothing = 0.95},
      test_loss_{.name = "test", .x = {}, .y = {}},
      test_accuracy_{.name = "test", .x = {}, .y = {}} {}

RunFolder RunFolder::create(const std::string& folder, const std::string& unit) {
  auto metrics = io::MetricsLog::create(metrics_path(prepared(folder)));
  return RunFolder(folder, unit, std::move(metrics), 0);
}

RunFolder RunFolder::resume(const std::string& folder, const std::string& unit, int64_t last_step) {
  auto metrics = io::MetricsLog::resume(metrics_path(prepared(folder)), last_step);
  RunFolder run(folder, unit, std::move(metrics), last_step + 1);
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
  metrics_.write(epoch.step, {{"epoch", epoch.epoch},
                              {"test_loss", epoch.test_loss},
                              {"test_accuracy", epoch.test_accuracy}});
  events_.add_scalar("test/loss", epoch.step, static_cast<float>(epoch.test_loss));
  events_.add_scalar("test/accuracy", epoch.step, static_cast<float>(epoch.test_accuracy));
  const double step = static_cast<double>(epoch.step);
  test_loss_.x.push_back(step);
  test_loss_.y.push_back(epoch.test_loss);
  test_accuracy_.x.push_back(step);
  test_accuracy_.y.push_back(epoch.test_accuracy);
  draw_curves();
}

void RunFolder::draw_curves() const {
  const std::array charts{
      io::LineChart{.title = "Loss", .x_label = "step", .y_label = "loss", .series = {train_loss_, test_loss_}},
      io::LineChart{.title = "Accuracy", .x_label = "step", .y_label = "share correct", .series = {test_accuracy_}}};
  io::save_svg(folder_ + "/curves.svg", charts);
}

std::string choose_run_folder(const std::string& wanted, const std::string& program) {
  if (!wanted.empty()) {
    FARRO_CHECK(!fs::exists(metrics_path(wanted)), ValueError, "--out: folder must not hold a run already, got '", wanted,
                "'; go on with --resume ", wanted, " or choose another");
    return wanted;
  }
  for (int number = 1;; ++number) {
    const std::string folder = str("runs/", program, "/", number);
    if (!fs::exists(folder)) return folder;
  }
}

}  // namespace farro::examples
