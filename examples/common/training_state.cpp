#include <farro/examples/common/training_state.h>

#include <farro/core/random/generator.h>
#include <farro/core/util/digest.h>

#include <filesystem>

namespace farro::examples {

namespace fs = std::filesystem;

namespace {

// Prefixes of what is not the model's.
constexpr const char* kOptimizer = "optimizer";
constexpr const char* kSchedule = "schedule";
constexpr const char* kLoader = "loader";
constexpr const char* kRun = "run";

nn::StateDict run_state(int64_t step) {
  const PhiloxState random = default_generator().state();
  nn::StateDict state;
  state.set_number("step", step);
  state.set_number("random.seed", static_cast<int64_t>(random.seed));
  state.set_number("random.stream", static_cast<int64_t>(random.stream));
  state.set_number("random.offset", static_cast<int64_t>(random.offset));
  return state;
}

bool is_models(const std::string& name) {
  for (const char* prefix : {kOptimizer, kSchedule, kLoader, kRun})
    if (name.starts_with(std::string(prefix) + ".")) return false;
  return true;
}

}  // namespace

std::string TrainingState::digest(const Tensor& loss) const {
  Digest digest;
  digest.add(loss);
  for (const Tensor& parameter : optimizer.params()) {
    digest.add(parameter.grad());
    digest.add(parameter);
  }
  return digest.text();
}

void TrainingState::save(io::CheckpointFolder& folder) const {
  nn::StateDict all = model.state_dict();
  all.add(kOptimizer, optimizer.state_dict());
  all.add(kSchedule, schedule.state_dict());
  all.add(kLoader, loader.state_dict());
  all.add(kRun, run_state(step));
  folder.save(step, all.entries(), {{"format", "pt"}});
}

void TrainingState::load(const io::LoadedTensors& checkpoint, const std::string& path) {
  try {
    nn::StateDict weights;
    for (const auto& [name, tensor] : checkpoint.tensors)
      if (is_models(name)) weights.set(name, tensor);
    const nn::StateDict all(checkpoint.tensors);
    const nn::StateDict run = all.below(kRun);
    model.load_state_dict(weights);
    optimizer.load_state_dict(all.below(kOptimizer));
    schedule.load_state_dict(all.below(kSchedule));
    loader.load_state_dict(all.below(kLoader));
    step = run.integer("step");
    default_generator().set_state({.seed = static_cast<uint64_t>(run.integer("random.seed")),
                                   .stream = static_cast<uint64_t>(run.integer("random.stream")),
                                   .offset = static_cast<uint64_t>(run.integer("random.offset"))});
  } catch (const ValueError& error) {
    std::string reason = error.what();
    for (char& c : reason)
      if (c == '\n') c = ';';
    fail<ValueError>("--resume: checkpoint must be one of this program with the same options, got '", path, "': ", reason);
  }
}

namespace {

struct FoundCheckpoint {
  io::LoadedTensors content;
  std::string path;
  std::string run_folder;  // the folder above checkpoints/
};

FoundCheckpoint find_checkpoint(const std::string& path) {
  if (!fs::is_directory(path)) {
    const fs::path folder = fs::path(path).parent_path();
    return {io::load_safetensors(path, {.require_checksum = true}), path,
            (folder.filename() == "checkpoints" ? folder.parent_path() : folder).string()};
  }
  const std::string folder = path + "/checkpoints";
  FARRO_CHECK(fs::is_directory(folder), IoError, "--resume: folder must be a run's, with checkpoints in it, got '", path,
              "'");
  const io::CheckpointFolder checkpoints(folder);
  auto latest = checkpoints.load_latest();
  FARRO_CHECK(latest, IoError, "--resume: folder must hold a checkpoint, got none in '", folder, "'");
  return {{std::move(latest->tensors), std::move(latest->metadata)}, checkpoints.path(latest->step), path};
}

}  // namespace

RunFolder open_run(const RunOptions& options, TrainingState& state, const std::string& program, const std::string& unit) {
  if (options.resume.empty()) return RunFolder::create(choose_run_folder(options.out, program), unit);
  const FoundCheckpoint found = find_checkpoint(options.resume);
  state.load(found.content, found.path);
  return RunFolder::resume(options.out.empty() ? found.run_folder : options.out, unit, state.step);
}

}  // namespace farro::examples
