// SPDX-License-Identifier: Apache-2.0
// docs/ops.md: the table of all operations, as `farro doctor --ops --markdown` prints it.
#include <farro/core/device/backend.h>
#include <farro/core/op/op_table.h>
#include <farro/tools/farro/commands.h>

#include <cstdio>

namespace farro::tools {

namespace {

const char* name_of(Autocast autocast) {
  switch (autocast) {
    case Autocast::promote: return "promote";
    case Autocast::half: return "half";
    case Autocast::full: return "full";
    case Autocast::none: return "none";
  }
  return "";
}

std::string variants(const OpEntry& op, DeviceType device) {
  std::string text;
  for (const VariantInfo& variant : op.variants(device)) {
    text += str(text.empty() ? "" : ", ", variant.name);
    if (variant.min_sm > 0) text += str(" (sm_", variant.min_sm, ")");
  }
  return text;
}

// A bar would end the cell.
std::string cell(std::string text) {
  for (size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) text.insert(at, 1, '\\');
  return text;
}

}  // namespace

void print_ops_table() {
  // Its kernels are in the tables once it is loaded.
  find_cuda_backend();
  std::printf(
      "# Operations\n\n"
      "Written by `FARRO_CUDA=simt farro doctor --ops --markdown`; a test compares. For each operation: its arguments "
      "(`?`: may be\n"
      "undefined), what mixed precision does with its inputs (`autograd/call/autocast.h`), its variants by rank on the "
      "CPU and on\n"
      "CUDA devices (without those of cuDNN, cuBLASLt and Hopper alone), and whether it has a gradient or why not.\n\n"
      "| operation | autocast | cpu | cuda | gradient |\n| --- | --- | --- | --- | --- |\n");
  for (const OpEntry& op : all_ops())
    std::printf("| `%s%s` | %s | %s | %s | %s |\n", op.info().name, op.schema.c_str(), name_of(op.info().autocast),
                variants(op, DeviceType::cpu).c_str(), variants(op, DeviceType::cuda).c_str(),
                op.methods->no_backward ? cell(str("none: ", op.methods->no_backward)).c_str() : "yes");
}

}  // namespace farro::tools
