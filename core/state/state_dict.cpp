// SPDX-License-Identifier: Apache-2.0
// Named tensors of modules and optimizers, and reports of what did not fit when they were loaded, with the most similar
// name for every one that was not found.
#include <farro/core/state/state_dict.h>

#include <farro/core/io/detail/utf8.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace farro {

namespace {

size_t edit_distance(std::string_view a, std::string_view b) {
  // Levenshtein's distance, by one row of the table: the fewest insertions, deletions and replacements.
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

// What no writer of files takes must not get into a dict.
void check_name(std::string_view name) {
  for (std::string_view rest = name; !rest.empty();) {
    const size_t length = utf8_character(rest);
    FARRO_CHECK(length > 0, ValueError, "StateDict: names must be UTF-8, got '", name, "'");
    rest.remove_prefix(length);
  }
}

std::string hint(const std::string& nearest) { return nearest.empty() ? "" : " (nearest: " + nearest + ")"; }

}  // namespace

StateDict::StateDict(NamedTensors entries) : entries_(std::move(entries)) {
  for (size_t i = 0; i < entries_.size(); ++i) {
    check_name(entries_[i].first);
    FARRO_CHECK(index_.emplace(entries_[i].first, i).second, ValueError, "StateDict: names must be distinct, got '",
                entries_[i].first, "' twice");
  }
}

void StateDict::set(std::string_view name, const Tensor& tensor) {
  check_name(name);
  const auto [slot, is_new] = index_.emplace(name, entries_.size());
  if (is_new) {
    try {
      entries_.emplace_back(name, tensor);
    } catch (...) {
      // Both or neither: the index must not name an entry that is not there.
      index_.erase(slot);
      throw;
    }
  } else {
    entries_[slot->second].second = tensor;
  }
}

void StateDict::set_number(std::string_view name, Scalar value) {
  // Exact: every double and every integer comes back as it was.
  const DType dtype = value.is_floating() ? DType::f64 : value.dtype();
  Tensor number = farro::empty({}, {.dtype = dtype, .device = Device::cpu()});
  set(name, number.fill_(value));
}

const Tensor* StateDict::find(std::string_view name) const& noexcept {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &entries_[found->second].second;
}

const Tensor& StateDict::at(std::string_view name) const& {
  if (const Tensor* found = find(name)) return *found;
  std::vector<std::string> names;
  for (const auto& [key, tensor] : entries_) names.push_back(key);
  fail<ValueError>("StateDict: name must be one of the ", size(), " entries, got '", name, "'",
                   hint(nearest_name(name, names)));
}

const Tensor& StateDict::single(std::string_view name) const {
  const Tensor& entry = at(name);
  FARRO_CHECK(entry.defined() && entry.numel() == 1 && !entry.is_meta(), ValueError, "StateDict: ", name,
              " must be one number, got ", entry);
  return entry;
}
double StateDict::number(std::string_view name) const { return single(name).item<double>(); }
int64_t StateDict::integer(std::string_view name) const {
  const Tensor& entry = single(name);
  if (!is_floating(entry.dtype())) return entry.item<int64_t>();
  const double value = entry.item<double>();
  FARRO_CHECK(value >= -0x1p63 && value < 0x1p63 && value == std::trunc(value), ValueError, "StateDict: ", name,
              " must be a whole number of 64 bits, got ", value);
  return static_cast<int64_t>(value);
}

void StateDict::add(std::string_view prefix, const StateDict& other) {
  for (const auto& [name, tensor] : other) set(str(prefix, ".", name), tensor);
}

StateDict StateDict::below(std::string_view prefix) const {
  const std::string start = str(prefix, ".");
  StateDict out;
  for (const auto& [name, tensor] : entries_)
    if (name.starts_with(start)) out.set(std::string_view(name).substr(start.size()), tensor);
  return out;
}

StateDict StateDict::clone() const {
  StateDict out;
  for (const auto& [name, tensor] : entries_) out.set(name, tensor.clone());
  return out;
}

std::string to_string(const LoadReport& report) {
  std::string out;
  for (const auto& [name, nearest] : report.missing) out += "\n  missing: " + name + hint(nearest);
  for (const auto& [name, nearest] : report.unexpected) out += "\n  unexpected: " + name + hint(nearest);
  for (const auto& [name, expected, got] : report.misshaped)
    out += str("\n  mis-shaped: ", name, " must have shape ", expected, ", got ", got);
  return out.empty() ? out : out.substr(1);
}

std::string nearest_name(std::string_view name, const std::vector<std::string>& among) {
  const std::string* best = nullptr;
  // A name of which more than half must change is no help.
  size_t least = name.size() / 2 + 1;
  for (const std::string& candidate : among) {
    const size_t distance = edit_distance(name, candidate);
    if (distance >= least) continue;
    least = distance;
    best = &candidate;
  }
  return best ? *best : std::string();
}

}  // namespace farro
