// SPDX-License-Identifier: Apache-2.0
// Shapes, parameters and costs of a model, found by running it on tensors without data: nothing is computed, and a
// model of any size takes no memory for it.
#include <farro/nn/module/summary.h>

#include <farro/autograd/node/grad_mode.h>
#include <farro/core/op/call_listener.h>
#include <farro/core/random/generator.h>
#include <farro/nn/module/detail/replace_data.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <thread>

namespace farro::nn {

namespace {

// While it lives, the model's tensors have no data and lie on the meta device.
class OnMeta {
 public:
  explicit OnMeta(const ModuleBase& model) {
    // The same records lose their data, so that every handle in the modules sees it.
    for (const std::vector<Tensor>& list : {model.parameters(), model.buffers()}) {
      for (const Tensor& tensor : list) {
        const Tensor meta =
            empty_strided(tensor.sizes(), tensor.strides(), {.dtype = tensor.dtype(), .device = Device::meta()});
        originals_.emplace_back(tensor, make_view(tensor, tensor.sizes(), tensor.strides(), tensor.storage_offset()));
        replace_data(tensor, meta);
      }
    }
  }
  ~OnMeta() {
    for (const auto& [tensor, original] : originals_) replace_data(tensor, original);
  }
  OnMeta(const OnMeta&) = delete;
  OnMeta& operator=(const OnMeta&) = delete;

 private:
  std::vector<std::pair<Tensor, Tensor>> originals_;
};

// Dropout reserves numbers even where nothing is drawn.
class KeepRandomState {
 public:
  KeepRandomState() : state_(default_generator().state()) {}
  ~KeepRandomState() { default_generator().set_state(state_); }
  KeepRandomState(const KeepRandomState&) = delete;
  KeepRandomState& operator=(const KeepRandomState&) = delete;

 private:
  const PhiloxState state_;
};

// Adds each op of this thread to the module in which it runs.
class CostListener final : public CallListener {
 public:
  explicit CostListener(std::map<const ModuleBase*, SummaryRow*>& rows)
      : rows_(rows), thread_(std::this_thread::get_id()) {
    add_call_listener(*this);
  }
  ~CostListener() override { remove_call_listener(*this); }

  void begin(const CallEvent& event) noexcept override {
    if (std::this_thread::get_id() != thread_ || stack_.empty() || event.form == CallForm::view) return;
    SummaryRow& row = *rows_.at(stack_.back());
    row.cost.flops += event.cost.flops;
    row.cost.bytes += event.cost.bytes;
    for (const Tensor& output : event.outputs) row.activation_bytes += static_cast<int64_t>(output.nbytes());
  }
  void end(const CallEvent&) noexcept override {}

  void enter(const ModuleBase& module) { stack_.push_back(&module); }
  void leave(const std::vector<Tensor>& outputs) {
    SummaryRow& row = *rows_.at(stack_.back());
    ++row.calls;
    row.outputs.clear();
    for (const Tensor& output : outputs)
      if (output.defined()) row.outputs.push_back(output.sizes());
    row.output = row.outputs.empty() ? Shape() : row.outputs[0];
    stack_.pop_back();
  }

 private:
  std::map<const ModuleBase*, SummaryRow*>& rows_;
  std::vector<const ModuleBase*> stack_;
  const std::thread::id thread_;
};

// Hooks on every module that tell the listener where the model is.
class WatchedModules {
 public:
  WatchedModules(const std::vector<ModuleBase*>& modules, CostListener& listener) {
    for (ModuleBase* module : modules) {
      ids_.emplace_back(module, module->register_forward_pre_hook(
                                    [&listener](ModuleBase& m, std::vector<Tensor>&) { listener.enter(m); }));
      ids_.emplace_back(module, module->register_forward_hook(
                                    [&listener](ModuleBase&, const std::vector<Tensor>&, std::vector<Tensor>& outputs) {
                                      listener.leave(outputs);
                                    }));
    }
  }
  ~WatchedModules() {
    for (const auto& [module, id] : ids_) module->remove_hook(id);
  }
  WatchedModules(const WatchedModules&) = delete;
  WatchedModules& operator=(const WatchedModules&) = delete;

 private:
  std::vector<std::pair<ModuleBase*, uint64_t>> ids_;
};

// Rows of this module and all below, each with the sums of what is below it.
void add_rows(const ModuleBase& module, int depth, const std::map<const ModuleBase*, SummaryRow*>& own,
              std::vector<SummaryRow>& out) {
  const size_t at = out.size();
  // What ran in a module itself stands in its own row; sums over what is below are added here, on the way up.
  out.push_back(*own.at(&module));
  out[at].depth = depth;
  for (const ModuleBase* child : module.children()) {
    const size_t below = out.size();
    add_rows(*child, depth + 1, own, out);
    out[at].cost.flops += out[below].cost.flops;
    out[at].cost.bytes += out[below].cost.bytes;
    out[at].activation_bytes += out[below].activation_bytes;
  }
}

std::string shown(const std::vector<Shape>& outputs) {
  std::string out;
  for (const Shape& sizes : outputs) out += str(out.empty() ? "" : ", ", sizes);
  return out;
}

std::string with_unit(double value, const char* unit) {
  // Powers of 1,000, as operations and bytes are counted in measurements.
  constexpr const char* prefixes[] = {"", "k", "M", "G", "T", "P"};
  int i = 0;
  for (; value >= 1000 && i < 5; ++i) value /= 1000;
  char text[32];
  std::snprintf(text, sizeof text, i == 0 ? "%.0f %s%s" : "%.2f %s%s", value, prefixes[i], unit);
  std::string out = text;
  while (out.back() == ' ') out.pop_back();
  return out;
}

}  // namespace

Summary summary(ModuleBase& model, const std::function<void()>& run) {
  FARRO_CHECK(run, ValueError, "summary: run must be callable, got an empty function");
  const std::vector<ModuleBase*> modules = model.modules();
  std::vector<SummaryRow> own(modules.size());
  std::map<const ModuleBase*, SummaryRow*> by_module;
  Summary result;
  for (size_t i = 0; i < modules.size(); ++i) {
    own[i].path = modules[i] == &model ? std::string() : modules[i]->path();
    own[i].type = modules[i]->type_name();
    own[i].parameters = modules[i]->num_parameters();
    by_module[modules[i]] = &own[i];
  }
  for (const Tensor& parameter : model.parameters()) {
    if (parameter.requires_grad()) result.trainable_parameters += parameter.numel();
    result.weight_bytes += static_cast<int64_t>(parameter.nbytes());
  }
  for (const Tensor& buffer : model.buffers()) result.weight_bytes += static_cast<int64_t>(buffer.nbytes());

  {
    // Nothing is recorded, so that no graph holds on to the tensors without data.
    const no_grad guard;
    const KeepRandomState random;
    const OnMeta meta(model);
    CostListener listener(by_module);
    const WatchedModules watched(modules, listener);
    run();
  }
  add_rows(model, 0, by_module, result.rows);
  return result;
}

Summary summary(Module& model, const Shape& input, DType dtype) {
  return summary(model, [&] { model(empty(input, {.dtype = dtype, .device = Device::meta()})); });
}

std::string to_string(const Summary& summary) {
  std::vector<std::array<std::string, 6>> lines{
      {"module", "type", "output", "parameters", "operations", "activations"}};
  for (const SummaryRow& row : summary.rows)
    lines.push_back({std::string(size_t(row.depth) * 2, ' ') + (row.path.empty() ? "(model)" : row.path), row.type,
                     shown(row.outputs), with_unit(double(row.parameters), ""), with_unit(row.cost.flops, "FLOP"),
                     with_unit(double(row.activation_bytes), "B")});
  size_t widths[6] = {};
  for (const auto& line : lines)
    for (size_t c = 0; c < 6; ++c) widths[c] = std::max(widths[c], line[c].size());
  std::string out;
  for (const auto& line : lines) {
    for (size_t c = 0; c < 6; ++c) {
      const std::string space(widths[c] - line[c].size(), ' ');
      out += c < 3 ? line[c] + space : space + line[c];  // numbers to the right
      out += c < 5 ? "  " : "\n";
    }
  }
  return out + str("trainable parameters: ", summary.trainable_parameters, " of ", summary.root().parameters,
                   "; weights: ", with_unit(double(summary.weight_bytes), "B"),
                   "; least memory traffic: ", with_unit(summary.root().cost.bytes, "B"), "\n");
}

}  // namespace farro::nn
