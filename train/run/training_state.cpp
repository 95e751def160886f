// SPDX-License-Identifier: Apache-2.0
// A training's state as one checkpoint, and what stands in it under which name.
#include <farro/train/run/training_state.h>

#include <farro/core/io/file_error.h>
#include <farro/core/random/generator.h>
#include <farro/core/util/digest.h>
#include <farro/core/util/log.h>
#include <farro/kernels/reduce/digest.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

namespace farro::training {

namespace fs = std::filesystem;

namespace {

// Prefixes of what is not the model's.
constexpr const char* kOptimizer = "optimizer";
constexpr const char* kSchedule = "schedule";
constexpr const char* kLoader = "loader";
constexpr const char* kRun = "run";
// Below kRun:
constexpr const char* kOptions = "options";
constexpr const char* kInput = "input";
constexpr const char* kDevice = "device";

bool is_models(const std::string& name) {
  for (const char* prefix : {kOptimizer, kSchedule, kLoader, kRun})
    if (name.starts_with(std::string(prefix) + ".")) return false;
  return true;
}

// What a number's last bits may depend on besides the settings.
std::string device_of(const TrainingState& training) {
  const std::vector<Tensor> parameters = training.optimizer.parameters();
  return parameters.empty() || parameters[0].device().is_cpu() ? "cpu" : "cuda";
}

StateDict run_state(const TrainingState& training) {
  const PhiloxState random = default_generator().state();
  std::string device = device_of(training);
  StateDict state = to_state({{.name = kDevice, .value = &device}});
  state.set_number("step", training.step);
  state.set_number("random.seed", static_cast<int64_t>(random.seed));
  state.set_number("random.stream", static_cast<int64_t>(random.stream));
  state.set_number("random.offset", static_cast<int64_t>(random.offset));
  state.add(kOptions, to_state(training.settings));
  state.add(kInput, training.input);
  return state;
}

// An error's text in one line. Of what it lists line by line, such as the names of two models, the first few.
std::string shortened(const std::string& text) {
  constexpr size_t kShown = 3;
  std::istringstream lines(text);
  std::string out;
  size_t listed = 0;
  for (std::string line; std::getline(lines, line); ++listed) {
    if (listed > kShown) continue;
    if (listed > 0) out += listed == 1 ? " " : "; ";
    out += line.substr(std::min(line.find_first_not_of(' '), line.size()));
  }
  return listed > kShown + 1 ? str(out, "; and ", listed - 1 - kShown, " more") : out;
}

// Runs `body`, which reads a checkpoint; its errors get the path.
void reading(const std::string& path, auto&& body) {
  try {
    body();
  } catch (const UserError& error) {
    fail<ValueError>("resume: checkpoint must be one of this program with the same options, got '", path,
                     "': ", shortened(error.what()));
  }
}

uint64_t digest_of(const Tensor& tensor) {
  Digest value;
  value.add(tensor);
  return value.value();
}

void check_input(const StateDict& own, const StateDict& saved, const std::string& path) {
  for (const auto& [name, tensor] : own) {
    const Tensor* found = saved.find(name);
    if (!found) continue;  // of another program: load() says so, by the names of the model
    FARRO_CHECK(digest_of(*found) == digest_of(tensor), ValueError, "resume: ", name,
                " must be the one that the run of '", path, "' began with, got another");
  }
}

// What the checkpoint holds and the run does not could not be compared.
void check_has_all(const char* part, const StateDict& own, const StateDict& saved) {
  for (const auto& [name, tensor] : saved)
    FARRO_CHECK(own.contains(name), ValueError, part, " ", io::printable(name),
                " must be given, as the run began with one");
}

// For a run that was not told of them when the checkpoint was read.
void check_settings(Settings settings, const StateDict& saved) {
  for (Setting& setting : settings) setting.is_given = true;
  take_over(settings, saved);
  check_has_all("setting", to_state(settings), saved);
}

// Where the run was; empty where the checkpoint does not say.
std::string device_in(const StateDict& run) {
  std::string device;
  if (run.contains(kDevice)) take_over({{.name = kDevice, .value = &device}}, run);
  return device;
}

// Locked before anything is read: a run at work would change it meanwhile.
std::optional<LockedFolder> lock_run(const std::string& out, const std::string& folder) {
  std::error_code ignored;
  const bool goes_on = out.empty() || fs::equivalent(out, folder, ignored);
  if (!goes_on) return std::nullopt;
  return LockedFolder{folder, io::FolderLock(folder)};
}

Checkpoint read_checkpoint(const std::string& path, const std::string& out) {
  std::error_code ignored;  // what is no folder fails below as a file, with the reason
  if (!fs::is_directory(path, ignored)) {
    const fs::path folder = fs::absolute(path).parent_path();
    std::optional<LockedFolder> run;
    if (folder.filename() == "checkpoints" && fs::is_directory(folder, ignored))
      run = lock_run(out, folder.parent_path().string());
    auto loaded = io::load_safetensors(path, {.require_checksum = true});
    return {std::move(loaded.tensors), path, std::move(run)};
  }
  const std::string folder = path + "/checkpoints";
  FARRO_CHECK(fs::is_directory(folder, ignored), IoError,
              "resume: folder must be a run's, with checkpoints in it, got '", path, "'");
  std::optional<LockedFolder> run = lock_run(out, path);
  const io::CheckpointFolder checkpoints(folder);
  auto latest = checkpoints.load_latest();
  FARRO_CHECK(latest, IoError, "resume: folder must hold a checkpoint, got none in '", folder, "'");
  return {std::move(latest->tensors), checkpoints.path(latest->step), std::move(run)};
}

}  // namespace

Checkpoint load_checkpoint(const std::string& path, const Settings& settings, const std::string& out) {
  Checkpoint found = read_checkpoint(path, out);
  const StateDict run = found.content.below(kRun);
  FARRO_CHECK(run.contains("step"), ValueError, "resume: file must be a checkpoint of a run, got '", found.path,
              "' with weights alone");
  reading(found.path, [&] { take_over(settings, run.below(kOptions)); });
  return found;
}

std::string TrainingState::digest(const Tensor& loss) const {
  return digest_text(farro::digest(std::vector{loss.detach(), optim::digest(optimizer)}));
}

void TrainingState::save(io::CheckpointFolder& folder) const {
  StateDict all = model.state_dict();
  for (const auto& [name, tensor] : all)
    FARRO_CHECK(is_models(name), ValueError, "save: names of the model must not begin with optimizer., schedule., ",
                "loader. or run., which a checkpoint has for other things, got '", name, "'");
  all.add(kOptimizer, optimizer.state_dict());
  if (schedule) all.add(kSchedule, schedule->state_dict());
  all.add(kLoader, loader.state_dict());
  all.add(kRun, run_state(*this));
  folder.save(step, all.entries(), {{"format", "pt"}});
}

void TrainingState::load(const Checkpoint& checkpoint) {
  const StateDict& all = checkpoint.content;
  const StateDict run = all.below(kRun);
  check_input(input, run.below(kInput), checkpoint.path);
  reading(checkpoint.path, [&] {
    StateDict weights;
    for (const auto& [name, tensor] : all)
      if (is_models(name)) weights.set(name, tensor);
    const int64_t made = run.integer("step");
    FARRO_CHECK(made >= 0 && made < int64_t{1} << 62, ValueError, "load_state_dict: ", kRun,
                ".step must be at least 0 and below 2^62, got ", made);
    const PhiloxState random{.seed = static_cast<uint64_t>(run.integer("random.seed")),
                             .stream = static_cast<uint64_t>(run.integer("random.stream")),
                             .offset = static_cast<uint64_t>(run.integer("random.offset"))};
    const std::string old_device = device_in(run);
    const StateDict saved_schedule = all.below(kSchedule);
    FARRO_CHECK(schedule || saved_schedule.empty(), ValueError, "schedule must be there, as the run began with one");
    // Each part is loaded whole or not at all; those before one that fails go back.
    const StateDict old_model = model.state_dict().clone(), old_optimizer = optimizer.state_dict().clone(),
                    old_schedule = schedule ? schedule->state_dict() : StateDict(), old_loader = loader.state_dict();
    // The model first: of another program's checkpoint its names say most.
    model.load_state_dict(weights);
    try {
      check_settings(settings, run.below(kOptions));
      check_has_all("input", input, run.below(kInput));
      optimizer.load_state_dict(all.below(kOptimizer));
      if (schedule) schedule->load_state_dict(saved_schedule);
      loader.load_state_dict(all.below(kLoader));
    } catch (...) {
      model.load_state_dict(old_model);
      loader.load_state_dict(old_loader);
      if (schedule) schedule->load_state_dict(old_schedule);
      optimizer.load_state_dict(old_optimizer);
      throw;
    }
    step = made;
    default_generator().set_state(random);
    // A run may move to another device, whose sums round in another order.
    if (!old_device.empty() && old_device != device_of(*this))
      log_warning(str("resume: the run of '", checkpoint.path, "' was on ", old_device, "; on ", device_of(*this),
                      " its numbers may differ in their last bits"));
  });
}

}  // namespace farro::training
