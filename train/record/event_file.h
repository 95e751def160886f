// SPDX-License-Identifier: Apache-2.0
// Scalars for TensorBoard: writes an event file (TFRecord frames around protocol-buffer messages, encoded by hand, so
// that no protobuf library is needed). Called by training loops beside MetricsLog; point `tensorboard --logdir` at the
// folder.
#pragma once

#include <farro/core/api.h>
#include <farro/core/io/file.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace farro::training {

class FARRO_API EventFile {
 public:
  // Creates a new file in `folder` (made if absent) with a name of its own. For a run that goes on after a checkpoint
  // pass its first new step: TensorBoard then drops what earlier files hold for that step and later ones.
  explicit EventFile(const std::string& folder, int64_t first_step = 0);

  // One point of the curve `tag`, e.g. "train/loss". The record is complete in the file on return.
  void add_scalar(std::string_view tag, int64_t step, float value);

  const std::string& path() const& noexcept { return file_.path(); }
  std::string path() && { return file_.path(); }

 private:
  void write_record(std::string_view event);
  io::AppendFile file_;
};

}  // namespace farro::training
