// SPDX-License-Identifier: Apache-2.0
// Module: moving and exchanging weights.
#include <farro/autograd/node/grad_mode.h>
#include <farro/core/op/promotion.h>
#include <farro/nn/module/detail/module_impl.h>
#include <farro/nn/module/detail/replace_data.h>

#include <algorithm>
#include <unordered_set>

namespace farro::nn {

namespace {

// The least and the greatest value that an integer dtype holds.
std::pair<int64_t, int64_t> range_of(DType dtype) {
  if (dtype == DType::boolean) return {0, 1};
  if (dtype == DType::u8) return {0, 255};
  const int bits = 8 * static_cast<int>(item_size(dtype));
  const int64_t most = static_cast<int64_t>((uint64_t{1} << (bits - 1)) - 1);
  return {-most - 1, most};
}

// Everything that copy_() would refuse, or take and change into another value.
void check_source(const std::string& name, const Tensor& target, const Tensor& source) {
  FARRO_CHECK(!source.is_meta() || target.is_meta(), ValueError, "load_state_dict: ", name, " must hold values, got ",
              source);
  FARRO_CHECK(category(source.dtype()) <= category(target.dtype()), DTypeError, "load_state_dict: ", name,
              " must have a dtype that ", target.dtype(), " can hold, got ", source);
  FARRO_CHECK(target.is_contiguous() || overlapping_dim(target.sizes(), target.strides()) < 0, ValueError,
              "load_state_dict: the module's ", name, " must not hold an element twice, got ", target);
  if (is_floating(target.dtype()) || source.dtype() == target.dtype() || source.numel() == 0 || source.is_meta())
    return;
  const auto [low, high] = range_of(target.dtype());
  const int64_t least = source.min().item<int64_t>(), most = source.max().item<int64_t>();
  FARRO_CHECK(least >= low && most <= high, ValueError, "load_state_dict: ", name, " must hold numbers of ",
              target.dtype(), ", got ", least < low ? least : most);
}

bool is_same_view(const Tensor& a, const Tensor& b) {
  return a.storage().get() == b.storage().get() && a.storage_offset() == b.storage_offset() &&
         a.strides() == b.strides() && a.dtype() == b.dtype();
}

}  // namespace

StateDict ModuleBase::state_dict() const {
  StateDict out;
  for_each_entry({}, [&](const std::string& name, const Entry& entry) {
    if (entry.persistent) out.set(name, entry.tensor.detach());
  });
  return out;
}

LoadReport ModuleBase::load_state_dict(const StateDict& state, LoadMode mode) {
  struct Copy {
    std::string path;
    const ModuleBase* owner;
    const Entry* entry;
    Tensor source;
  };
  std::vector<std::string> own_names, missing, unexpected;
  std::vector<Copy> copies;
  // Everything that does not fit is found before an error is thrown, so that one message names it all.
  LoadReport report;
  const no_grad guard;
  for_each_entry({}, [&](const std::string& name, const Entry& entry, const ModuleBase& owner) {
    if (!entry.persistent) return;
    own_names.push_back(name);
    const Tensor* found = state.find(name);
    if (!found || !found->defined()) {
      missing.push_back(name);
    } else if (found->sizes() != entry.tensor.sizes()) {
      report.misshaped.push_back({name, entry.tensor.sizes(), found->sizes()});
    } else {
      copies.push_back({name, &owner, &entry, *found});
    }
  });
  const std::unordered_set<std::string> own(own_names.begin(), own_names.end());
  for (const auto& [name, tensor] : state)
    if (!own.contains(name)) unexpected.push_back(name);
  for (const std::string& name : missing) report.missing.push_back({name, nearest_name(name, unexpected)});
  for (const std::string& name : unexpected) report.unexpected.push_back({name, nearest_name(name, own_names)});
  FARRO_CHECK(mode == LoadMode::lenient || report.clean(), ValueError,
              "load_state_dict: state must have the names and shapes of ", type_name(), ", got\n", to_string(report));
  // Whatever needs memory comes before the first change: other dtypes and devices, and sources that share memory with
  // what is written, as where two weights of one module are exchanged.
  std::unordered_set<const Storage*> written;
  for (const Copy& copy : copies) {
    check_source(copy.path, copy.entry->tensor, copy.source);
    copy.owner->check_loaded(copy.entry->name, copy.path, copy.source);
    written.insert(copy.entry->tensor.storage().get());
  }
  for (Copy& copy : copies) {
    const Tensor& target = copy.entry->tensor;
    if (copy.source.device() != target.device() || copy.source.dtype() != target.dtype()) {
      copy.source = copy.source.detach().to(target.device(), target.dtype());
    } else if (written.contains(copy.source.storage().get()) && !is_same_view(copy.source, target)) {
      copy.source = copy.source.detach().clone();
    }
  }
  for (const Copy& copy : copies)
    if (!is_same_view(copy.source, copy.entry->tensor)) Tensor(copy.entry->tensor).copy_(copy.source);
  return report;
}

void ModuleBase::clone_from(const ModuleBase& other) { load_state_dict(other.state_dict()); }

// All of them are made before the first is exchanged, so that a module never stays half on a device that has no room.
ModuleBase& ModuleBase::convert(std::optional<Device> device, std::optional<DType> dtype) {
  std::vector<Converted> made;
  std::unordered_set<const TensorImpl*> seen;  // a shared tensor moves once
  const no_grad guard;
  for_each_entry({}, [&](const std::string&, const Entry& entry, const ModuleBase&) {
    const Tensor& tensor = entry.tensor;
    const DType own = tensor.dtype();
    const Device to = device.value_or(tensor.device());
    // Counters and indices keep their integer types.
    const DType as = dtype && is_floating(own) ? *dtype : own;
    if (to == tensor.device() && as == own) return;
    if (seen.insert(tensor.impl()).second) made.push_back(converted(tensor, to, as));
  });
  for (const Converted& each : made) replace_data(each);
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
