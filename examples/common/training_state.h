// Everything a run needs to go on exactly where it was: weights, optimizer, schedule, data position, random state and
// the number of steps. One checkpoint holds it all; the weights stand under their own names, as PyTorch has them.
#pragma once

#include <farro/core/io/checkpoint.h>
#include <farro/data/loader/loader.h>
#include <farro/examples/common/program.h>
#include <farro/examples/common/run_folder.h>
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

// The folder of a run. With options.resume `state` goes on from that checkpoint (a file, or the newest intact one of a run's
// folder), and so do the folder's records; otherwise the run is a new one. Nothing is created before all that can be wrong
// with the options has been found: ValueError, IoError.
RunFolder open_run(const RunOptions& options, TrainingState& state, const std::string& program, const std::string& unit);

}  // namespace farro::examples
