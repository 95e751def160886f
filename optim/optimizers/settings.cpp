// SPDX-License-Identifier: Apache-2.0
// Options of optimizers as named numbers: look-up, ranges, and conversion to the kind (bool, integer, floating) of
// each.
#include <farro/optim/optimizers/settings.h>

#include <cmath>

namespace farro::optim {

const Setting* find(const Settings& settings, std::string_view name) noexcept {
  for (const Setting& setting : settings)
    if (setting.name == name) return &setting;
  return nullptr;
}

void check_ranges(const char* optimizer, const Settings& settings) {
  for (const auto& [name, value, range, fixed] : settings) {
    const double v = value.to_double();
    const char* wanted = nullptr;
    if (range == Range::not_negative && !(v >= 0)) wanted = "at least 0";
    if (range == Range::positive && !(v > 0)) wanted = "above 0";
    if (range == Range::fraction && !(v >= 0 && v < 1)) wanted = "in [0, 1)";
    if (!wanted && !std::isfinite(v)) wanted = "finite";
    FARRO_CHECK(!wanted, ValueError, optimizer, ": ", name, " must be ", wanted, ", got ", v);
  }
}

Scalar as_kind_of(const Setting& setting, double value, std::string_view what) {
  if (setting.value.is_floating()) return value;
  if (setting.value.is_bool()) {
    FARRO_CHECK(value == 0 || value == 1, ValueError, what, " must be 0 or 1, got ", value);
    return value != 0;
  }
  // Up to 2^53, as far as a double holds every integer.
  FARRO_CHECK(value == std::trunc(value) && std::abs(value) < 0x1p53, ValueError, what, " must be a whole number, got ",
              value);
  return static_cast<int64_t>(value);
}

}  // namespace farro::optim
