// SPDX-License-Identifier: Apache-2.0
// A folder of checkpoints, one file for a step. The newest intact one is what a run resumes from; older ones are
// removed only after the new one is in place.
#include <farro/core/io/checkpoint.h>

#include <farro/core/io/atomic_file.h>
#include <farro/core/io/file_error.h>
#include <farro/core/util/log.h>

#include <algorithm>
#include <charconv>
#include <exception>
#include <filesystem>

namespace farro::io {

namespace {

constexpr std::string_view kBefore = "step-", kAfter = ".safetensors";
constexpr size_t kDigits = 10;  // zeros in front, so that a listing is in order

std::optional<int64_t> step_of(std::string_view name) {
  if (!name.starts_with(kBefore) || !name.ends_with(kAfter)) return std::nullopt;
  name.remove_prefix(kBefore.size());
  name.remove_suffix(std::min(name.size(), kAfter.size()));
  int64_t step = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), step);
  // Exactly the name that path() gives: one with more zeros in front would be listed and then not be found.
  const bool whole = error == std::errc() && end == name.data() + name.size() && step >= 0 &&
                     (name.size() == kDigits || (name.size() > kDigits && name.front() != '0'));
  return whole ? std::optional(step) : std::nullopt;
}

}  // namespace

CheckpointFolder::CheckpointFolder(const std::string& folder, int keep) : folder_(folder), keep_(keep) {
  FARRO_CHECK(keep >= 1, ValueError, "CheckpointFolder: keep must be at least 1, got ", keep);
  make_folder(folder_);
  remove_stray_files(folder_);
}

std::string CheckpointFolder::path(int64_t step) const {
  std::string digits = str(step);
  if (digits.size() < kDigits) digits = std::string(kDigits - digits.size(), '0') + digits;
  return str(folder_, "/", kBefore, digits, kAfter);
}

void CheckpointFolder::save(int64_t step, const NamedTensors& tensors, const Metadata& metadata) {
  FARRO_CHECK(step >= 0, ValueError, "CheckpointFolder: step must be at least 0, got ", step);
  save_safetensors(path(step), tensors, metadata);
  std::vector<int64_t> others = steps();
  std::erase(others, step);  // also where later steps are there, the new file stays
  for (size_t i = 0; i + static_cast<size_t>(keep_) <= others.size(); ++i) remove(others[i]);
}

void CheckpointFolder::remove_after(int64_t step) {
  for (const int64_t other : steps())
    if (other > step) remove(other);
}

void CheckpointFolder::remove(int64_t step) {
  std::error_code error;
  std::filesystem::remove(path(step), error);
  if (error) fail_errno(error.value(), "could not remove the old checkpoint", path(step));
}

std::vector<int64_t> CheckpointFolder::steps() const {
  std::vector<int64_t> found;
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder_, error), end; !error && it != end; it.increment(error))
    if (const auto step = step_of(it->path().filename().string())) found.push_back(*step);
  if (error) fail_errno(error.value(), "could not list the folder", folder_);
  std::sort(found.begin(), found.end());
  return found;
}

CheckpointFolder::Loaded CheckpointFolder::load(int64_t step, Device device) const {
  LoadedTensors loaded = load_safetensors(path(step), {.device = device, .require_checksum = true});
  return {step, std::move(loaded.tensors), std::move(loaded.metadata)};
}

std::optional<CheckpointFolder::Loaded> CheckpointFolder::load_latest(Device device) const {
  const std::vector<int64_t> all = steps();
  std::exception_ptr first_error;
  // The newest first; a damaged one, as after a power failure, is passed over with a warning.
  for (auto step = all.rbegin(); step != all.rend(); ++step) {
    try {
      return load(*step, device);
    } catch (const FileError& error) {
      // A disk that cannot be read is no reason to go back to an older checkpoint.
      if (error.fault == FileFault::system) throw;
      if (!first_error) first_error = std::current_exception();
      log_warning(str("skipping a damaged checkpoint: ", error.what()));
    }
  }
  if (first_error) std::rethrow_exception(first_error);
  return std::nullopt;
}

}  // namespace farro::io
