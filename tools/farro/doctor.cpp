// SPDX-License-Identifier: Apache-2.0
// `farro doctor`: what this build and machine have, and in one line why something is missing.
#include <farro/core/device/backend.h>
#include <farro/core/op/op_table.h>
#include <farro/core/parallel/parallel.h>
#include <farro/kernels/cpu/isa.h>
#include <farro/kernels/cpu/libraries.h>
#include <farro/tools/farro/commands.h>
#include <farro/version.h>

#include <CLI/CLI.hpp>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

extern char** environ;

namespace farro::tools {

namespace {

void line(const char* what, const std::string& found) { std::printf("%-14s %s\n", what, found.c_str()); }

std::string processor() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string text; std::getline(info, text);)
    if (text.starts_with("model name")) return text.substr(text.find(':') + 2);
  return "unknown";
}

std::string gib(size_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f GiB", static_cast<double>(bytes) / double(1u << 30));
  return text;
}

void show_cuda() {
  Backend* backend = find_cuda_backend();
  if (!backend) {
    line("cuda", "unused: " + cuda_unavailable_reason());
    return;
  }
  line("cuda", str("by the ", backend->name(), " backend, ", backend->device_count(), " device(s)"));
  for (int i = 0; i < backend->device_count(); ++i) {
    const DeviceProperties p = backend->properties(i);
    line(("  cuda:" + std::to_string(i)).c_str(),
         str(p.name, ", compute capability ", p.compute_major, ".", p.compute_minor, ", ", p.multiprocessors,
             " multiprocessors, ", gib(p.total_memory)));
  }
}

void show_environment() {
  std::string found;
  for (char** entry = environ; *entry; ++entry)
    if (const std::string text = *entry; text.starts_with("FARRO_") || text.starts_with("OMP_"))
      found += (found.empty() ? "" : " ") + text;
  line("environment", found.empty() ? "no FARRO_ or OMP_ variable is set" : found);
}

void show_data() {
  const std::filesystem::path folder = "/usr/share/datasets/fashion-mnist";
  line("data", std::filesystem::exists(folder) ? "Fashion-MNIST in " + folder.string()
                                               : "no Fashion-MNIST (Debian package dataset-fashion-mnist)");
}

void doctor() {
  line("farro", version());
  line("processor", str(processor(), ", instruction set in use: ", name(cpu_isa())));
  line("threads", str(num_threads()));
  line("cpu libraries", "oneDNN " + cpu_library_versions().onednn);
  show_cuda();
  line("ops", str(all_ops().size(), " (farro doctor --ops lists them)"));
  show_data();
  show_environment();
}

void list_ops() {
  const auto variants = [](const OpEntry& op, DeviceType device) {
    std::string text;
    for (const VariantInfo& variant : op.variants(device)) text += str(text.empty() ? "" : " ", variant.name);
    return text.empty() ? std::string("-") : text;
  };
  // It fills the tables that are read here when it is loaded, which only the first use of a device does otherwise.
  if (!find_cuda_backend()) std::printf("cuda is unused: %s\n", cuda_unavailable_reason().c_str());
  for (const OpEntry& op : all_ops())
    std::printf("%s%s\n    cpu: %s; cuda: %s%s%s\n", op.info().name, op.schema.c_str(),
                variants(op, DeviceType::cpu).c_str(), variants(op, DeviceType::cuda).c_str(),
                op.methods->no_backward ? "; no gradient: " : "",
                op.methods->no_backward ? op.methods->no_backward : "");
}

}  // namespace

void add_doctor(CLI::App& app) {
  CLI::App* command = app.add_subcommand("doctor", "Says what was found on this machine, and why a GPU is unused");
  command->add_flag("--ops")->description("List all operations with their arguments and kernels instead");
  command->add_flag("--markdown")->description("With --ops: the table of docs/ops.md")->needs("--ops");
  command->callback([command] {
    if (command->count("--markdown"))
      print_ops_table();
    else if (command->count("--ops"))
      list_ops();
    else
      doctor();
  });
}

}  // namespace farro::tools
