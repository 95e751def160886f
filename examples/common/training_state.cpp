// SPDX-License-Identifier: Apache-2.0
// A training's state as one checkpoint, and what stands in it under which name.
#include <farro/examples/common/training_state.h>

#include <farro/core/random/generator.h>
#include <farro/core/util/digest.h>

#include <CLI/CLI.hpp>

#include <filesystem>
#include <sstream>

namespace farro::examples {

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

bool is_models(const std::string& name) {
  for (const char* prefix : {kOptimizer, kSchedule, kLoader, kRun})
    if (name.starts_with(std::string(prefix) + ".")) return false;
  return true;
}

// "batch-size" of "--batch-size".
std::string key_of(const RunOptions::Setting& setting) { return setting.option->get_name().substr(2); }

StateDict options_state(const RunOptions& options) {
  StateDict state;
  for (const RunOptions::Setting& setting : options.settings)
    std::visit([&](const auto* value) { state.set_number(key_of(setting), *value); }, setting.value);
  return state;
}

StateDict run_state(const TrainingState& training) {
  const PhiloxState random = default_generator().state();
  StateDict state;
  state.set_number("step", training.step);
  state.set_number("random.seed", static_cast<int64_t>(random.seed));
  state.set_number("random.stream", static_cast<int64_t>(random.stream));
  state.set_number("random.offset", static_cast<int64_t>(random.offset));
  state.add(kOptions, options_state(training.options));
  state.add(kInput, training.input);
  return state;
}

// An error's text in one line. Of what it lists line by line, such as the names of two models, the first few.
std::string shortened(const std::string& text) {
  constexpr size_t kShown = 3;
  std::istringstream lines(text);
  std::string out;
  size_t listed = 0;
  for (std::string line; std::getline(lines, line); ++listed)
    if (listed <= kShown)
      out += (listed == 0 ? "" : listed == 1 ? " " : "; ") + line.substr(line.find_first_not_of(' '));
  return listed > kShown + 1 ? str(out, "; and ", listed - 1 - kShown, " more") : out;
}

// Runs `body`, which reads a checkpoint; its errors get the path.
void reading(const std::string& path, auto&& body) {
  try {
    body();
  } catch (const UserError& error) {
    fail<ValueError>("--resume: checkpoint must be one of this program with the same options, got '", path,
                     "': ", shortened(error.what()));
  }
}

void check_input(const StateDict& own, const StateDict& saved, const std::string& path) {
  const auto digest = [](const Tensor& tensor) {
    Digest value;
    value.add(tensor);
    return value.value();
  };
  for (const auto& [name, tensor] : own) {
    const Tensor* found = saved.find(name);
    if (!found) continue;  // of another program: load() says so, by the names of the model
    FARRO_CHECK(digest(*found) == digest(tensor), ValueError, "--resume: ", name, " must be the one that the run of '",
                path, "' began with, got another");
  }
}

// Locked before anything is read: a run at work would change it meanwhile.
std::optional<LockedFolder> lock_run(const RunOptions& options, const std::string& folder) {
  std::error_code ignored;
  const bool goes_on = options.out.empty() || fs::equivalent(options.out, folder, ignored);
  if (!goes_on) return std::nullopt;
  return LockedFolder{folder, io::FolderLock(folder)};
}

Checkpoint find_checkpoint(const RunOptions& options) {
  const std::string& path = options.resume;
  std::error_code ignored;  // what is no folder fails below as a file, with the reason
  if (!fs::is_directory(path, ignored)) {
    const fs::path folder = fs::absolute(path).parent_path();
    std::optional<LockedFolder> run;
    if (folder.filename() == "checkpoints" && fs::is_directory(folder, ignored))
      run = lock_run(options, folder.parent_path().string());
    auto loaded = io::load_safetensors(path, {.require_checksum = true});
    return {std::move(loaded.tensors), path, std::move(run)};
  }
  const std::string folder = path + "/checkpoints";
  FARRO_CHECK(fs::is_directory(folder, ignored), IoError,
              "--resume: folder must be a run's, with checkpoints in it, got '", path, "'");
  std::optional<LockedFolder> run = lock_run(options, path);
  const io::CheckpointFolder checkpoints(folder);
  auto latest = checkpoints.load_latest();
  FARRO_CHECK(latest, IoError, "--resume: folder must hold a checkpoint, got none in '", folder, "'");
  return {std::move(latest->tensors), checkpoints.path(latest->step), std::move(run)};
}

void take_over(const RunOptions& options, const StateDict& saved) {
  for (const RunOptions::Setting& setting : options.settings) {
    const std::string name = setting.option->get_name();
    FARRO_CHECK(saved.contains(key_of(setting)), ValueError, "it must say what ", name, " was, got nothing");
    std::visit(
        [&](auto* value) {
          std::remove_pointer_t<decltype(value)> before;
          if constexpr (std::is_same_v<decltype(value), int64_t*>) {
            before = saved.integer(key_of(setting));
          } else {
            before = saved.number(key_of(setting));
          }
          std::string text = str(before);
          const std::string problem = setting.check(text);
          FARRO_CHECK(problem.empty(), ValueError, name, ": ", problem);
          FARRO_CHECK(setting.option->count() == 0 || *value == before, ValueError, name,
                      " must be left out or be what the run began with, ", before, ", got ", *value);
          *value = before;
        },
        setting.value);
  }
}

}  // namespace

std::optional<Checkpoint> load_checkpoint(RunOptions& options) {
  if (options.resume.empty()) return std::nullopt;
  Checkpoint found = find_checkpoint(options);
  const StateDict run = found.content.below(kRun);
  FARRO_CHECK(run.contains("step"), ValueError, "--resume: file must be a checkpoint of a run, got '", found.path,
              "' with weights alone");
  reading(found.path, [&] { take_over(options, run.below(kOptions)); });
  return found;
}

std::string TrainingState::digest(const Tensor& loss) const {
  Digest digest;
  digest.add(loss);
  for (const Tensor& parameter : optimizer.parameters()) {
    digest.add(parameter.grad());
    digest.add(parameter);
  }
  return digest.text();
}

void TrainingState::save(io::CheckpointFolder& folder) const {
  StateDict all = model.state_dict();
  for (const auto& [name, tensor] : all)
    FARRO_CHECK(is_models(name), ValueError, "save: names of the model must not begin with optimizer., schedule., ",
                "loader. or run., which a checkpoint has for other things, got '", name, "'");
  all.add(kOptimizer, optimizer.state_dict());
  all.add(kSchedule, schedule.state_dict());
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
    // Each part is loaded whole or not at all; those before one that fails go back.
    const StateDict old_model = model.state_dict().clone(), old_optimizer = optimizer.state_dict().clone(),
                    old_schedule = schedule.state_dict(), old_loader = loader.state_dict();
    // The model first: of another program's checkpoint its names say most.
    model.load_state_dict(weights);
    try {
      optimizer.load_state_dict(all.below(kOptimizer));
      schedule.load_state_dict(all.below(kSchedule));
      loader.load_state_dict(all.below(kLoader));
    } catch (...) {
      model.load_state_dict(old_model);
      loader.load_state_dict(old_loader);
      schedule.load_state_dict(old_schedule);
      optimizer.load_state_dict(old_optimizer);
      throw;
    }
    step = made;
    default_generator().set_state(random);
  });
}

}  // namespace farro::examples
