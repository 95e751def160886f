// SPDX-License-Identifier: Apache-2.0
// Everything a run needs to go on exactly where it was: weights, optimizer, schedule, data position, random state, the
// number of steps and the settings that shaped it. One checkpoint holds it all; the weights stand under their own
// names, as PyTorch has them, the rest below optimizer., schedule., loader. and run.
#pragma once

#include <farro/core/api.h>
#include <farro/core/io/checkpoint.h>
#include <farro/data/loader/loader.h>
#include <farro/nn/module/module.h>
#include <farro/optim/optimizers/optimizer.h>
#include <farro/optim/schedule/schedule.h>
#include <farro/train/run/run_folder.h>
#include <farro/train/run/settings.h>

#include <cstdint>
#include <optional>
#include <string>

namespace farro::training {

struct Checkpoint {
  StateDict content;
  std::string path;  // of its file
  // The folder of the run that goes on; nullopt where a new run begins from a file that lies elsewhere, or by `out`.
  std::optional<LockedFolder> run = {};
};

// A checkpoint to go on from: `path` is its file, or the folder of a run, of which the newest intact one is taken. The
// run goes on in its own folder, which is locked from here on, unless `out` names another one (RunOptions::out). Sets
// `settings` to what the run began with. ValueError where the file is no checkpoint of a run, or where take_over()
// refuses a setting; IoError (FileError), also where a run is at work in the folder.
FARRO_API Checkpoint load_checkpoint(const std::string& path, const Settings& settings = {},
                                     const std::string& out = {});

// What a checkpoint is made of; all that it refers to must outlive it.
struct FARRO_API TrainingState {
  nn::ModuleBase& model;
  optim::Optimizer& optimizer;
  data::DataLoader& loader;
  optim::Scheduler* schedule = nullptr;  // none: the rates stay as they are
  Settings settings = {};
  // What else must be unchanged when the run goes on, above all the digest of the data, by the name that an error gives
  // it.
  StateDict input = {};
  int64_t step = 0;  // optimizer steps made

  // The digest that metrics.jsonl shows for a step: of the loss, the parameters, their gradients and the
  // optimizer's states, computed where these are. 16 hexadecimal digits. DeviceError where they are on several devices.
  std::string digest(const Tensor& loss) const;

  // Writes step-<step>.safetensors. ValueError where the model has a name that begins with optimizer., schedule.,
  // loader. or run.; FileError.
  void save(io::CheckpointFolder& folder) const;
  // Also sets the default generator of random numbers to where it was. ValueError for the checkpoint of another model,
  // of other settings, data or input; then nothing has changed. A warning in the log where the run was on another kind
  // of device.
  void load(const Checkpoint& checkpoint);
};

}  // namespace farro::training
