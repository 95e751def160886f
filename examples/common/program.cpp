// SPDX-License-Identifier: Apache-2.0
// Command-line options of the example programs.
#include <farro/examples/common/program.h>

#include <farro/core/error/error.h>
#include <farro/train/program/device.h>
#include <farro/train/program/program.h>

#include <charconv>
#include <cmath>
#include <cstdio>
#include <string_view>

namespace farro::examples {

namespace {

// Counts stay so small that no product of two of them overflows.
constexpr int64_t kMostCount = 1'000'000'000;

// Reads all of `text`; a text that is good is brought into the form that CLI11 reads as the same number.
template <class T>
CLI::Validator number(const std::string& wanted, const std::function<bool(T)>& good) {
  return CLI::Validator(
      [=](std::string& text) {
        const char* begin = text.data() + text.starts_with('+');
        T value{};
        const auto [end, error] = std::from_chars(begin, text.data() + text.size(), value);
        if (error != std::errc() || end != text.data() + text.size() || !good(value))
          return "must be " + wanted + ", got '" + text + "'";
        text = str(value);
        return std::string();
      },
      std::string());
}

std::string check_device(const std::string& text) {
  constexpr std::string_view kCuda = "cuda:";
  const bool is_numbered = text.starts_with(kCuda) && text.size() > kCuda.size() && text.size() <= kCuda.size() + 3 &&
                           text.find_first_not_of("0123456789", kCuda.size()) == std::string::npos;
  if (text == "auto" || text == "cpu" || text == "cuda" || is_numbered) return {};
  return "must be auto, cpu or cuda:N, got '" + text + "'";
}

}  // namespace

CLI::Validator whole_number(int64_t low, int64_t high) {
  return number<int64_t>(str("a whole number from ", low, " to ", high),
                         [=](int64_t value) { return value >= low && value <= high; });
}
CLI::Validator positive_number() {
  return number<double>("a positive number", [](double value) { return std::isfinite(value) && value > 0; });
}
CLI::Validator number_between(double low, double high) {
  return number<double>(str("a number from ", low, " to ", high),
                        [=](double value) { return value >= low && value <= high; });
}

std::string check_path(const std::string& text) { return text.empty() ? "must be a path, got ''" : ""; }

namespace {

std::string check_autocast(const std::string& text) {
  return text == "none" || text == "bf16" || text == "f16" ? "" : "must be none, bf16 or f16, got '" + text + "'";
}

// An option that a checkpoint keeps. What comes out of a file is checked as the command line is.
template <class T>
void add_kept(CLI::App& app, ProgramOptions& options, const std::string& flag, T& value, const CLI::Validator& good,
              const std::string& description) {
  training::Setting& setting = options.kept.emplace_back();
  setting = {.name = flag, .value = &value, .check = [good](std::string text) { return good(text); }};
  app.add_option(flag, value, description)
      ->transform(good)
      ->each([&setting](const std::string&) { setting.is_given = true; })
      ->capture_default_str();
}

}  // namespace

void add_setting(CLI::App& app, ProgramOptions& options, const std::string& flag, int64_t& value,
                 const std::string& description) {
  add_kept(app, options, flag, value, whole_number(1, kMostCount), description);
}

void add_run_options(CLI::App& app, ProgramOptions& options) {
  options.run.program = app.get_name();
  add_setting(app, options, "--epochs", options.run.epochs, "Passes over the training data");
  add_setting(app, options, "--batch-size", options.batch_size, "Samples per step");
  // CLI11 reads a number that is too large as INT64_MAX.
  const CLI::Validator from_zero = whole_number(0, INT64_MAX - 1);
  add_kept(app, options, "--lr", options.lr, positive_number(), "Highest learning rate");
  add_kept(app, options, "--seed", options.seed, from_zero, "Seed of all random numbers");
  const CLI::Validator half(check_autocast, "");
  add_kept(app, options, "--autocast", options.autocast, half,
           "Mixed precision of the forward pass: none, bf16 or f16");

  app.add_option("--device", options.device, "auto, cpu or cuda:N")->check(check_device)->capture_default_str();
  app.add_option("--out", options.run.out, "Folder of the run (default: the next free one under runs/)")
      ->check(check_path);
  app.add_option("--resume", options.resume,
                 "Checkpoint, or folder of a run, to go on from; the run's later records and checkpoints are removed")
      ->check(check_path);
  app.add_option("--max-steps", options.run.max_steps,
                 "Stop after so many steps in all, with a checkpoint (0: no limit)")
      ->transform(from_zero)
      ->capture_default_str();
  app.add_option("--digest-every", options.run.digest_every, "Steps between digests in metrics.jsonl (0: none)")
      ->transform(from_zero)
      ->capture_default_str();
  app.add_option("--checkpoint-every", options.run.checkpoint_every, "Steps between checkpoints (0: one an epoch)")
      ->transform(from_zero)
      ->capture_default_str();
  app.add_option("--threads", options.threads, "CPU threads (0: all)")
      ->transform(whole_number(0, 1024))
      ->capture_default_str();
}

std::optional<training::Checkpoint> load_checkpoint(ProgramOptions& options) {
  if (options.resume.empty()) return std::nullopt;
  return training::load_checkpoint(options.resume, options.settings(), options.run.out);
}

Precision precision(const ProgramOptions& options) {
  return {options.autocast == "f16" ? DType::f16 : DType::bf16, options.autocast != "none"};
}

Device choose_device(const ProgramOptions& options, nn::Module& net, const Tensor& input) {
  const training::DeviceChoice choice = training::choose_device(options.device, net, input);
  if (!choice.reason.empty()) std::printf("using the CPU, because %s\n", choice.reason.c_str());
  return choice.device;
}

void print_summary(const ProgramOptions& options, const training::TrainingRun& run) {
  const training::RunSummary summary = run.summary();
  std::printf("%s: %lld steps in %.1f s, %.1f s of them waiting for input\n", options.run.program.c_str(),
              static_cast<long long>(summary.steps), summary.seconds, summary.input_wait_seconds);
}

int run_program(CLI::App& app, int argc, char** argv, const std::function<void()>& body) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    std::fprintf(stderr, "%s: %s (see --help)\n", app.get_name().c_str(), error.what());
    return 2;
  }
  return training::run_program(app.get_name(), stderr, body);
}

}  // namespace farro::examples
