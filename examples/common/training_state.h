// Everything a run needs to go on exactly where it was: weights, optimizer, schedule, data position, random state and
// the number of steps. One checkpoint holds it all; the weights stand under their own names, as PyTorch has them.
#pragma once

#include <farro/core/io/checkpoint.h>
#include <farro/data/loader/loader.h>
#include <farro/nn/module/module.h>
#include <farro/optim/schedule/schedule.h>

#include <string>

namespace farro::examples {

struct TrainingState {
  nn::Module& model;
  optim::Optimizer& optimizer;
  optim::Scheduler& schedule;
  data::DataLoader& loader;
  int64_t step = 0;  // optimizer steps made

  // The digest that metrics.jsonl shows for a step: of the loss, the gradients and the parameters.
  std::string digest(const Tensor& loss) const;

  void save(io::CheckpointFolder& folder) const;
  // ValueError, and no change, for the checkpoint of another model or run.
  void load(const io::LoadedTensors& checkpoint, const std::string& path);
};

// A checkpoint file, or the newest intact one of a run's folder. IoError where there is none.
struct FoundCheckpoint {
  io::LoadedTensors content;
  std::string path;
  std::string run_folder;  // the folder above checkpoints/
};
FoundCheckpoint find_checkpoint(const std::string& path);

}  // namespace farro::examples
