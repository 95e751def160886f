// SPDX-License-Identifier: Apache-2.0
// A folder of checkpoints: one safetensors file per step, the newest few kept. Used by training programs that must go
// on after a kill: at every moment the folder holds a complete checkpoint, once the first was written.
#pragma once

#include <farro/core/api.h>
#include <farro/core/io/safetensors.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace farro::io {

class FARRO_API CheckpointFolder {
 public:
  // Makes the folder, and removes what a killed writer left in it. ValueError unless keep >= 1.
  explicit CheckpointFolder(const std::string& folder, int keep = 3);

  // Writes step-<step>.safetensors, replacing one of the same step, then removes all but this and the newest others, so
  // that `keep` stay.
  void save(int64_t step, const NamedTensors& tensors, const Metadata& metadata = {});

  // Removes the checkpoints of later steps: of a run that goes on from an older one they are the past that it leaves.
  void remove_after(int64_t step);

  // Steps that have a file, in rising order.
  std::vector<int64_t> steps() const;

  struct Loaded {
    int64_t step = 0;
    NamedTensors tensors;
    Metadata metadata;
  };
  // The newest intact checkpoint; nullopt where there is none. A damaged one is skipped with a warning, and when all
  // are damaged the newest one's FileError is thrown: to start anew would be a surprise. So would be an older one where
  // the system could not read the newest (FileFault::system): that is thrown at once.
  std::optional<Loaded> load_latest(Device device = Device::cpu()) const;
  // FileError where it is absent or damaged.
  Loaded load(int64_t step, Device device = Device::cpu()) const;

  std::string path(int64_t step) const;

 private:
  void remove(int64_t step);

  std::string folder_;
  int keep_;
};

}  // namespace farro::io
