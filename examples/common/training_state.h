// SPDX-License-Identifier: Apache-2.0
// Everything a run needs to go on exactly where it was: weights, optimizer, schedule, data position, random state, the
// number of steps and the options that shaped it. One checkpoint holds it all; the weights stand under their own names,
// as PyTorch has them.
#pragma once

#include <farro/core/io/checkpoint.h>
#include <farro/data/loader/loader.h>
#include <farro/examples/common/program.h>
#include <farro/examples/common/run_folder.h>
#include <farro/nn/module/module.h>
#include <farro/optim/schedule/schedule.h>

#include <optional>
#include <string>

namespace farro::examples {

struct Checkpoint {
  StateDict content;
  std::string path;
  // The folder of the run that goes on; nullopt where a new run begins from a file that lies elsewhere, or by --out.
  std::optional<LockedFolder> run;
};

// The checkpoint that --resume names: a file, or the newest intact one of a run's folder; nullopt without --resume.
// Options that shape a run are taken over from it where the command line does not give them. ValueError where it gives
// another value, or where the file is no checkpoint; IoError, also where a run is at work in the folder.
std::optional<Checkpoint> load_checkpoint(RunOptions& options);

struct TrainingState {
  const RunOptions& options;
  nn::ModuleBase& model;
  optim::Optimizer& optimizer;
  optim::Scheduler& schedule;
  data::DataLoader& loader;
  StateDict input = {};  // what else a run must find unchanged when it goes on, by the name that an error gives it
  int64_t step = 0;      // optimizer steps made

  // The digest that metrics.jsonl shows for a step: of the loss, the gradients and the parameters.
  std::string digest(const Tensor& loss) const;

  void save(io::CheckpointFolder& folder) const;
  // ValueError for the checkpoint of another model or run; then nothing has changed.
  void load(const Checkpoint& checkpoint);
};

}  // namespace farro::examples
