// SPDX-License-Identifier: Apache-2.0
// The options of an optimizer as one list: names, values and ranges. Constructors, set() and load_state_dict() check by
// it, state dicts are written by it, and lr and momentum are found in it by name.
#pragma once

#include <farro/core/api.h>
#include <farro/core/error/error.h>
#include <farro/core/tensor/scalar.h>

#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

namespace farro::optim {

// What a number may be; none may be NaN or infinite.
enum class Range : uint8_t {
  any,
  not_negative,
  positive,
  fraction,  // [0, 1)
};

struct Setting {
  const char* name;  // PyTorch's
  Scalar value;      // a floating number, a whole one or a bool for ever
  Range range = Range::any;
  bool fixed = false;  // part of what the optimizer is: it cannot be set, and a loaded state must have it, too
};
using Settings = std::vector<Setting>;

// Null where there is none of this name.
FARRO_API const Setting* find(const Settings& settings, std::string_view name) noexcept;
// ValueError that names the option of `optimizer` which is out of range.
FARRO_API void check_ranges(const char* optimizer, const Settings& settings);
// The value as one of the setting's kind. ValueError (about `what`) where it is none: 0.5 for a bool or a whole number.
FARRO_API Scalar as_kind_of(const Setting& setting, double value, std::string_view what);

// One line of the list of an optimizer with the options struct `Options`.
struct Fixed {
  bool value;
};
template <class Options>
struct Option {
  const char* name;
  std::variant<double Options::*, int64_t Options::*, bool Options::*, Fixed> where;
  Range range = Range::any;
};

template <class Options>
Settings to_settings(const std::vector<Option<Options>>& list, const Options& options) {
  Settings out;
  for (const Option<Options>& option : list) {
    const Fixed* fixed = std::get_if<Fixed>(&option.where);
    const Scalar value = std::visit(
        [&](auto where) -> Scalar {
          if constexpr (std::is_same_v<decltype(where), Fixed>)
            return where.value;
          else
            return options.*where;
        },
        option.where);
    out.push_back({option.name, value, option.range, fixed != nullptr});
  }
  return out;
}

template <class Options>
Options to_options(const std::vector<Option<Options>>& list, const Settings& settings) {
  Options out;
  for (size_t i = 0; i < list.size(); ++i) {
    const Scalar value = settings[i].value;
    if (auto* real = std::get_if<double Options::*>(&list[i].where)) out.** real = value.to_double();
    if (auto* whole = std::get_if<int64_t Options::*>(&list[i].where)) out.** whole = value.to_int();
    if (auto* flag = std::get_if<bool Options::*>(&list[i].where)) out.** flag = value.to_int() != 0;
  }
  return out;
}

}  // namespace farro::optim
