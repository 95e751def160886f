// SPDX-License-Identifier: Apache-2.0
// Settings of a run to and from its checkpoint.
#include <farro/train/run/settings.h>

#include <farro/core/io/file_error.h>
#include <farro/kernels/memory/factories.h>

#include <type_traits>

namespace farro::training {

namespace {

using Value = std::variant<int64_t, double, std::string>;

std::string key_of(const Setting& setting) {
  const size_t begin = setting.name.find_first_not_of('-');
  FARRO_CHECK(begin != std::string::npos, ValueError, "Settings: name must have a letter, got '", setting.name, "'");
  return setting.name.substr(begin);
}

Value value_of(const Setting& setting) {
  return std::visit([](const auto* value) { return Value(*value); }, setting.value);
}

// What a message may show as it is: it may come out of a file.
void check_text(const std::string& name, const std::string& text) {
  FARRO_CHECK(io::printable(text) == "'" + text + "'", ValueError, "Settings: ", name,
              " must be UTF-8 of at most 80 bytes without control characters, got ", io::printable(text));
}

std::string text_in(const StateDict& saved, const std::string& key) {
  const Tensor& tensor = saved.at(key);
  FARRO_CHECK(tensor.dtype() == DType::u8 && tensor.dim() == 1, ValueError, "Settings: ", key,
              " must be a text, u8 of one dimension, got ", tensor.dtype(), " with shape ", tensor.sizes());
  const std::vector<uint8_t> bytes = tensor.to_vector<uint8_t>();
  std::string text(bytes.begin(), bytes.end());
  check_text(key, text);
  return text;
}

// Of the type that the setting has.
Value read(const Setting& setting, const StateDict& saved) {
  const std::string key = key_of(setting);
  FARRO_CHECK(saved.contains(key), ValueError, "it must say what ", setting.name, " was, got nothing");
  if (std::holds_alternative<int64_t*>(setting.value)) return saved.integer(key);
  if (std::holds_alternative<double*>(setting.value)) return saved.number(key);
  return text_in(saved, key);
}

std::string text_of(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  return std::holds_alternative<int64_t>(value) ? str(std::get<int64_t>(value)) : str(std::get<double>(value));
}

std::string shown(const Value& value) {
  const std::string text = text_of(value);
  return text.empty() ? "''" : text;
}

}  // namespace

StateDict to_state(const Settings& settings) {
  StateDict state;
  for (const Setting& setting : settings) {
    const std::string key = key_of(setting);
    FARRO_CHECK(!state.contains(key), ValueError, "Settings: names must differ, got ", setting.name, " twice");
    std::visit(
        [&](const auto* value) {
          if constexpr (std::is_same_v<decltype(value), const std::string*>) {
            check_text(setting.name, *value);
            state.set(key, tensor(std::vector<uint8_t>(value->begin(), value->end())));
          } else {
            state.set_number(key, *value);
          }
        },
        setting.value);
  }
  return state;
}

void take_over(const Settings& settings, const StateDict& saved) {
  std::vector<Value> values;
  for (const Setting& setting : settings) {
    Value before = read(setting, saved);
    const std::string problem = setting.check ? setting.check(text_of(before)) : "";
    FARRO_CHECK(problem.empty(), ValueError, setting.name, ": ", problem);
    FARRO_CHECK(!setting.is_given || value_of(setting) == before, ValueError, setting.name,
                " must be left out or be what the run began with, ", shown(before), ", got ", shown(value_of(setting)));
    values.push_back(std::move(before));
  }
  for (size_t i = 0; i < settings.size(); ++i)
    std::visit([&](auto* value) { *value = std::get<std::remove_pointer_t<decltype(value)>>(std::move(values[i])); },
               settings[i].value);
}

}  // namespace farro::training
