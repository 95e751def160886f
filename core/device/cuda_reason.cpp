// SPDX-License-Identifier: Apache-2.0
// Why there is no usable CUDA device, in one line for the user, from facts that were collected elsewhere; apart from
// CUDA, so that every case can be tested on any machine.
#include <farro/core/device/cuda_reason.h>

#include <farro/core/error/error.h>

namespace farro {

namespace {

std::string version_text(int version) { return str(version / 1000, ".", version % 1000 / 10); }

// One entry of the list; names such as "native" and "all-major" say nothing that could be compared.
bool covers(std::string_view entry, int major, int minor) noexcept {
  int built = 0;
  size_t digits = 0;
  for (; digits < entry.size() && entry[digits] >= '0' && entry[digits] <= '9'; ++digits)
    built = built * 10 + (entry[digits] - '0');
  if (digits == 0) return true;
  std::string_view kind = entry.substr(digits);
  // "90a": for exactly that architecture.
  const bool exact = !kind.empty() && kind[0] == 'a';
  if (exact) return built / 10 == major && built % 10 == minor;
  // Machine code runs on later minor versions of its major version; PTX ("90" or "90-virtual") on anything later.
  const bool machine = built / 10 == major && built % 10 <= minor;
  const bool later = built / 10 < major || machine;
  return kind == "-real" ? machine : later;
}

}  // namespace

std::string why_no_cuda_device(const CudaFacts& facts) {
  if (!facts.driver_library) return "this machine has no NVIDIA driver (libcuda.so.1 is not there)";
  // From the most fundamental reason to the most special: the first that holds is the one to mend.
  if (facts.driver_version && facts.driver_version < facts.needed_version)
    return str("the NVIDIA driver is too old: it supports CUDA ", version_text(facts.driver_version),
               ", this build of farro needs ", version_text(facts.needed_version));
  if (facts.visible) return str("no CUDA device is visible (CUDA_VISIBLE_DEVICES='", facts.visible, "')");
  if (!facts.status.empty()) return str("the NVIDIA driver gives no device (", facts.status, ")");
  return "no CUDA device was found";
}

bool runs_on(std::string_view architectures, int major, int minor) noexcept {
  while (!architectures.empty()) {
    const size_t end = architectures.find_first_of(";, ");
    const std::string_view entry = architectures.substr(0, end);
    if (!entry.empty() && covers(entry, major, minor)) return true;
    if (end == std::string_view::npos) return false;
    architectures.remove_prefix(end + 1);
  }
  return true;  // nothing is known
}

}  // namespace farro
