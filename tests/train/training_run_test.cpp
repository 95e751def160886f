// SPDX-License-Identifier: Apache-2.0
// The loop of a run: resuming to the bit, signals, folders that cannot be written, and checkpoints that do not fit.
#include <farro/core/io/json.h>
#include <farro/core/util/log.h>
#include <farro/tests/io/io_test.h>
#include <farro/train/run/stop_signals.h>

#include "training_case.h"

#include <nlohmann/json.hpp>

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <sstream>

namespace farro::training {
namespace {

using io::expect_fault;
using io::FileFault;
using io::read_file;
using io::TemporaryFolder;
using testing::HasSubstr;

// The lines of metrics.jsonl, without what a clock says.
std::vector<nlohmann::json> records(const std::string& run) {
  std::vector<nlohmann::json> all;
  std::istringstream lines(read_file(run + "/metrics.jsonl"));
  for (std::string line; std::getline(lines, line);) {
    all.push_back(io::parse_json(line, run));
    all.back().erase("samples_per_s");
  }
  return all;
}

std::vector<int64_t> steps_of(const std::string& run) {
  std::vector<int64_t> steps;
  for (const nlohmann::json& record : records(run))
    if (record.contains("loss")) steps.push_back(record["step"].get<int64_t>());
  return steps;
}

std::string message_of(auto&& fn) {
  try {
    fn();
  } catch (const Error& error) {
    return str(error.kind(), ": ", error.what());
  }
  return "no error";
}

int files_below(const std::string& folder) {
  int count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::recursive_directory_iterator(folder)) ++count;
  return count;
}

TEST(TrainingRun, ThreeStepsAndThreeMoreAreSixToTheBit) {
  const TemporaryFolder folder;
  const std::string whole = folder.file("whole"), parts = folder.file("parts");
  EXPECT_EQ(Training().train({}, {.out = whole, .epochs = 2, .max_steps = 6}).steps, 6);
  EXPECT_EQ(Training().train({}, {.out = parts, .epochs = 2, .max_steps = 3}).steps, 3);
  manual_seed(99);  // the random numbers come from the checkpoint
  Training resumed;
  EXPECT_EQ(resumed.train(load_checkpoint(parts, resumed.state.settings), {.epochs = 2, .max_steps = 6}).steps, 3);
  const auto expected = records(whole);
  EXPECT_EQ(records(parts), expected);
  ASSERT_EQ(expected.size(), 7u);  // six steps, and the epoch that ended after five
  EXPECT_EQ(expected[5]["epoch"], 1);
  EXPECT_EQ(expected[0]["digest"].get<std::string>().size(), 16u);
  EXPECT_NE(expected[0]["digest"], expected[1]["digest"]);
  EXPECT_EQ(read_file(whole + "/model.safetensors"), read_file(parts + "/model.safetensors"));
  const std::string last = "/checkpoints/step-0000000006.safetensors";
  EXPECT_EQ(read_file(whole + last), read_file(parts + last));
}

TEST(TrainingRun, RunsToTheLastEpochAndKeepsTheNewestCheckpoints) {
  const TemporaryFolder folder;
  const std::string run = folder.file("run");
  const RunSummary summary =
      Training().train({}, {.out = run, .epochs = 3, .checkpoint_every = 2, .keep_checkpoints = 2});
  EXPECT_EQ(summary.steps, 15);
  EXPECT_GE(summary.seconds, summary.input_wait_seconds);
  EXPECT_EQ(io::CheckpointFolder(run + "/checkpoints").steps(), (std::vector<int64_t>{14, 15}));
  EXPECT_THAT(read_file(run + "/curves.svg"), HasSubstr("<svg"));
  Training again;
  EXPECT_EQ(again.train(load_checkpoint(run, again.state.settings), {.epochs = 3}).steps, 0);
  EXPECT_EQ(steps_of(run).size(), 15u);
}

TEST(TrainingRun, ASignalStopsItWithACheckpoint) {
  const TemporaryFolder folder;
  const std::string run = folder.file("run");
  {
    const StopSignals signals;
    // Asked before each step, the question sends the signal before the third.
    int asked = 0;
    const auto stop = [&] {
      if (++asked == 4) ::raise(SIGTERM);  // once for the epoch, then for each step
      return false;
    };
    EXPECT_EQ(Training().train({}, {.out = run, .epochs = 2, .stop = stop}).steps, 3);
    EXPECT_EQ(stop_signal(), SIGTERM);
  }
  EXPECT_EQ(io::CheckpointFolder(run + "/checkpoints").steps(), std::vector<int64_t>{3});
  EXPECT_FALSE(stop_requested());
  Training resumed;
  resumed.train(load_checkpoint(run, resumed.state.settings), {.epochs = 2, .max_steps = 6});
  const std::string whole = folder.file("whole");
  Training().train({}, {.out = whole, .epochs = 2, .max_steps = 6});
  EXPECT_EQ(records(run), records(whole));
}

TEST(TrainingRun, TheProgramMayStopIt) {
  const TemporaryFolder folder;
  Training training;
  const auto stop = [&] { return training.state.step == 2; };
  EXPECT_EQ(training.train({}, {.out = folder.file("run"), .epochs = 2, .stop = stop}).steps, 2);
  EXPECT_EQ(steps_of(folder.file("run")), (std::vector<int64_t>{1, 2}));
}

TEST(TrainingRun, AFolderThatCannotBeWrittenIsNamed) {
  const TemporaryFolder folder;
  io::put_file(folder.file("file"), "not a folder");
  const std::string below_file = folder.file("file") + "/run";
  EXPECT_THAT(message_of([&] { Training().train({}, {.out = below_file}); }),
              testing::AllOf(testing::StartsWith("IoError: "), HasSubstr(below_file)));
  EXPECT_THROW(Training().train({}, {.out = below_file}), io::FileError);
  const std::string locked = folder.file("locked");
  std::filesystem::create_directory(locked);
  ASSERT_EQ(::chmod(locked.c_str(), 0555), 0);
  ASSERT_EQ(::chmod(folder.path().c_str(), 0755), 0);
  // Root may write everywhere: then somebody else tries.
  constexpr uid_t kNobody = 65534;
  const bool is_root = ::geteuid() == 0;
  if (is_root && ::seteuid(kNobody) != 0) GTEST_SKIP() << "the system lets nobody else try";
  expect_fault(FileFault::system, locked, [&] { Training().train({}, {.out = locked + "/run"}); });
  expect_fault(FileFault::system, locked, [&] { Training().train({}, {.out = locked}); });
  if (is_root) {
    ASSERT_EQ(::seteuid(0), 0);
  }
}

TEST(TrainingRun, AFolderThatHoldsARunIsNotTaken) {
  const TemporaryFolder folder;
  const std::string run = folder.file("run");
  EXPECT_FALSE(holds_run(run));
  Training().train({}, {.out = run, .max_steps = 1});
  EXPECT_TRUE(holds_run(run));
  EXPECT_THAT(message_of([&] { Training().train({}, {.out = run}); }),
              HasSubstr("out: folder must not hold a run already, got '" + run + "'"));
  const Checkpoint at_work = load_checkpoint(run);  // holds the lock
  expect_fault(FileFault::in_use, run, [&] { load_checkpoint(run); });
}

TEST(TrainingRun, OptionsOutOfRangeMakeNoFiles) {
  const TemporaryFolder folder;
  const std::string run = folder.file("run");
  EXPECT_THROW(Training().train({}, {.out = run, .epochs = 0}), ValueError);
  EXPECT_THROW(Training().train({}, {.out = run, .epochs = INT64_MAX}), ValueError);
  EXPECT_THROW(Training().train({}, {.out = run, .max_steps = -1}), ValueError);
  EXPECT_THROW(Training().train({}, {.out = run, .checkpoint_every = -1}), ValueError);
  EXPECT_THROW(Training().train({}, {.out = run, .keep_checkpoints = 0}), ValueError);
  EXPECT_THROW(Training().train({}, {.out = run, .items_per_sample = 0}), ValueError);
  EXPECT_THROW(Training().train({}, {.out = run, .items_per_sample = INT64_MAX}), ValueError);
  EXPECT_THROW(Training().train({}, {.program = "", .out = run}), ValueError);
  EXPECT_EQ(folder.file_count(), 0);
}

TEST(TrainingRun, CallsOutOfOrderAreRefused) {
  const TemporaryFolder folder;
  Training training;
  TrainingRun run(training.state, {}, {.out = folder.file("run")});
  data::Batch batch;
  EXPECT_THROW(run.next(batch), ValueError);
  ASSERT_TRUE(run.begin_epoch());
  EXPECT_THROW(run.record({.loss = ones({})}), ValueError);
  ASSERT_TRUE(run.next(batch));
  EXPECT_THAT(message_of([&] { run.record({.loss = full({}, std::nan(""))}); }),
              HasSubstr("training: loss must stay finite, got nan at step 1"));
  run.end_epoch();  // without a step nothing is written
  EXPECT_TRUE(io::CheckpointFolder(run.path() + "/checkpoints").steps().empty());
}

TEST(TrainingRun, ProgressGoesWhereTheCallerSays) {
  const TemporaryFolder folder;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> out(std::tmpfile(), &std::fclose);
  Training().train({}, {.out = folder.file("run"), .epochs = 1, .unit = "rows", .progress = out.get()});
  std::string text(static_cast<size_t>(std::ftell(out.get())), '\0');
  std::rewind(out.get());
  text.resize(std::fread(text.data(), 1, text.size(), out.get()));
  EXPECT_THAT(text,
              testing::MatchesRegex("epoch 1/1  loss [0-9.e-]+  test loss [0-9.e-]+  [0-9,?]+ rows/s  in .* s\n"));
}

// What a resumed run says to another training, which then is as it was.
std::string refusal(const std::string& run, Training& training) {
  const StateDict before = training.net.state_dict().clone();
  const int files = files_below(run);
  const std::string message =
      message_of([&] { training.train(load_checkpoint(run, training.state.settings), {.epochs = 2}); });
  for (const auto& [name, tensor] : training.net.state_dict())
    EXPECT_EQ(tensor.to_vector<float>(), before.at(name).to_vector<float>()) << name;
  EXPECT_EQ(training.state.step, 0);
  EXPECT_EQ(files_below(run), files);
  return message;
}

TEST(TrainingState, ASettingIsTakenOverOrRefusedByName) {
  const TemporaryFolder folder;
  const std::string run = folder.file("run");
  Training first;
  first.lr = 0.02;
  first.precision = "bf16";
  first.train({}, {.out = run, .epochs = 2, .max_steps = 2});
  {
    Training taking;
    const Checkpoint checkpoint = load_checkpoint(run, taking.state.settings);
    EXPECT_EQ(taking.lr, 0.02);
    EXPECT_EQ(taking.precision, "bf16");
  }
  Training other;
  other.state.settings[1].is_given = true;
  EXPECT_THAT(refusal(run, other),
              HasSubstr("checkpoints/step-0000000002.safetensors': --precision must be left out or be "
                        "what the run began with, bf16, got none"));
  other.precision = "bf16";
  EXPECT_EQ(message_of([&] { load_checkpoint(run, other.state.settings); }), "no error");
  // A checkpoint that was read without the settings is compared with them when it is loaded.
  Training late;
  EXPECT_THAT(message_of([&] { late.state.load(load_checkpoint(run)); }),
              HasSubstr("--lr must be left out or be what the run began with, 0.02, got 0.05"));
  late.state.settings.pop_back();
  late.lr = 0.02;
  EXPECT_THAT(message_of([&] { late.state.load(load_checkpoint(run)); }),
              HasSubstr("setting 'precision' must be given, as the run began with one"));
}

TEST(TrainingState, OtherDataIsRefused) {
  const TemporaryFolder folder;
  const std::string run = folder.file("run");
  Training().train({}, {.out = run, .epochs = 2, .max_steps = 2});
  Training other;
  other.state.input.set_number("data", int64_t{78});
  EXPECT_THAT(refusal(run, other),
              testing::MatchesRegex("ValueError: resume: data must be the one that the run of '.*' "
                                    "began with, got another"));
  Training silent;
  silent.state.input = {};
  EXPECT_THAT(refusal(run, silent), HasSubstr("input 'data' must be given, as the run began with one"));
}

TEST(TrainingState, AnotherModelOrAMissingScheduleIsRefused) {
  const TemporaryFolder folder;
  const std::string run = folder.file("run");
  Training().train({}, {.out = run, .epochs = 2, .max_steps = 2});
  Training other;
  other.state.schedule = nullptr;
  EXPECT_THAT(refusal(run, other), HasSubstr("schedule must be there, as the run began with one"));
  nn::Linear wrong(nn::root, "wrong", {.in_features = 2, .out_features = 2});
  TrainingState state{.model = wrong, .optimizer = other.adam, .loader = other.loader, .schedule = &other.schedule};
  EXPECT_THAT(message_of([&] { state.load(load_checkpoint(run)); }),
              testing::AllOf(HasSubstr("resume: checkpoint must be one of this program with the same options"),
                             HasSubstr("got missing: weight")));
  EXPECT_THAT(message_of([&] { load_checkpoint(run + "/model.safetensors"); }), HasSubstr("with weights alone"));
  EXPECT_THROW(load_checkpoint(folder.path()), IoError);
}

Tensor bytes_of(const std::string& text) { return tensor(std::vector<uint8_t>(text.begin(), text.end())); }

TEST(TrainingState, AnotherDeviceIsAWarningAndADamagedNameAnError) {
  const TemporaryFolder folder;
  const std::string run = folder.file("run");
  Training().train({}, {.out = run, .epochs = 2, .max_steps = 2});
  Training other;
  Checkpoint checkpoint = load_checkpoint(run);
  ASSERT_TRUE(checkpoint.content.contains("run.device"));
  checkpoint.content.set("run.device", bytes_of(std::string(81, 'x')));
  const StateDict before = other.net.state_dict().clone();
  EXPECT_THROW(other.state.load(checkpoint), ValueError);
  EXPECT_EQ(other.state.step, 0);
  EXPECT_EQ(other.net.fc1.parameters()[0].to_vector<float>(), before.at("fc1.weight").to_vector<float>());
  checkpoint.content.set("run.device", bytes_of("cuda"));
  testing::internal::CaptureStderr();
  other.state.load(checkpoint);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("was on cuda; on cpu its numbers may differ"));
  EXPECT_EQ(other.state.step, 2);
}

TEST(TrainingState, AScheduleMayBeAbsent) {
  const TemporaryFolder folder;
  const std::string run = folder.file("run");
  Training first, second;
  first.state.schedule = second.state.schedule = nullptr;
  first.train({}, {.out = run, .epochs = 1, .max_steps = 2});
  EXPECT_EQ(second.train(load_checkpoint(run, second.state.settings), {.epochs = 1}).steps, 3);
}

}  // namespace
}  // namespace farro::training
