// Module: moving and exchanging weights.
#include <farro/autograd/node/grad_mode.h>
#include <farro/nn/module/detail/module_impl.h>
#include <farro/nn/module/detail/replace_data.h>

#include <algorithm>
#include <unordered_set>

namespace farro::nn {

StateDict ModuleBase::state_dict() const {
  StateDict out;
  for_each_entry({}, [&](const std::string& name, const Entry& entry) {
    if (entry.persistent) out.set(name, entry.tensor.detach());
  });
  return out;
}

LoadReport ModuleBase::load_state_dict(const StateDict& state, LoadMode mode) {
  std::vector<std::string> own_names, missing, unexpected;
  std::vector<std::pair<Tensor, Tensor>> copies;  // target, source
  LoadReport report;
  for_each_entry({}, [&](const std::string& name, const Entry& entry) {
    if (!entry.persistent) return;
    own_names.push_back(name);
    const Tensor* found = state.find(name);
    if (!found) {
      missing.push_back(name);
    } else if (found->sizes() != entry.tensor.sizes()) {
      report.misshaped.push_back({name, entry.tensor.sizes(), found->sizes()});
    } else {
      copies.emplace_back(entry.tensor, *found);
    }
  });
  const std::unordered_set<std::string> own(own_names.begin(), own_names.end());
  for (const auto& [name, tensor] : state)
    if (!own.contains(name)) unexpected.push_back(name);
  for (const std::string& name : missing) report.missing.push_back({name, nearest_name(name, unexpected)});
  for (const std::string& name : unexpected) report.unexpected.push_back({name, nearest_name(name, own_names)});
  FARRO_CHECK(mode == LoadMode::lenient || report.clean(), ValueError,
              "load_state_dict: state must have the names and shapes of ", type_name(), ", got\n", to_string(report));
  const no_grad guard;
  for (auto& [target, source] : copies) target.copy_(source);
  return report;
}

void ModuleBase::clone_from(const ModuleBase& other) { load_state_dict(other.state_dict()); }

ModuleBase& ModuleBase::convert(std::optional<Device> device, std::optional<DType> dtype) {
  for (Entry& entry : entries_) {
    const DType own = entry.tensor.dtype();
    convert_data(entry.tensor, device.value_or(entry.tensor.device()), dtype && is_floating(own) ? *dtype : own);
  }
  for (ModuleBase* child : children_) child->convert(device, dtype);
  return *this;
}

namespace {
void check_floating(DType dtype) {
  FARRO_CHECK(is_floating(dtype), DTypeError, "to: dtype of a module must be floating, got ", dtype);
}
}  // namespace

ModuleBase& ModuleBase::to(Device device) { return convert(device, std::nullopt); }
ModuleBase& ModuleBase::to(DType dtype) {
  check_floating(dtype);
  return convert(std::nullopt, dtype);
}
ModuleBase& ModuleBase::to(Device device, DType dtype) {
  check_floating(dtype);
  return convert(device, dtype);
}

}  // namespace farro::nn
