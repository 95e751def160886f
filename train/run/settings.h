// SPDX-License-Identifier: Apache-2.0
// Settings: the options that the numbers of a run depend on, such as the learning rate or the precision. A checkpoint
// keeps them; a run that goes on takes them over, and is refused where its user gave another value.
//
//     training::Settings settings{{.name = "--lr", .value = &lr, .is_given = lr_was_given},
//                                 {.name = "--autocast", .value = &precision}};
#pragma once

#include <farro/core/api.h>
#include <farro/core/state/state_dict.h>

#include <cstdint>
#include <functional>
#include <string>
#include <variant>
#include <vector>

namespace farro::training {

struct Setting {
  std::string name;  // as errors give it; a checkpoint has it without leading dashes
  std::variant<int64_t*, double*, std::string*> value;
  bool is_given = false;  // by the user: a checkpoint must hold the same
  // What is wrong with a value that came out of a file, e.g. "must be at least 1, got '0'"; nothing where it is good.
  std::function<std::string(const std::string& text)> check = {};
};
using Settings = std::vector<Setting>;

// One entry for each: a number, or the bytes of a text (u8, 1-dim). ValueError for a name without a letter or given
// twice, and for a text with control characters, of more than 80 bytes or that is no UTF-8.
FARRO_API StateDict to_state(const Settings& settings);

// Sets the values to what `saved`, made by to_state(), holds. ValueError, and no value has changed, where one is
// missing or fails its check, or where is_given and the value differs: the error has the setting's name, the saved
// value and the one given.
FARRO_API void take_over(const Settings& settings, const StateDict& saved);

}  // namespace farro::training
