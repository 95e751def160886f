// SPDX-License-Identifier: Apache-2.0
// Axes of charts: where the ticks stand and what is written at them. Tolerances of 1e-9 of a step take up the rounding
// of quotients that are meant to be whole.
#include <farro/train/record/detail/chart_axis.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace farro::training {

namespace {

std::string format(const char* pattern, int digits, double value) {
  std::array<char, 48> buffer;
  const int length = std::snprintf(buffer.data(), buffer.size(), pattern, digits, value);
  return std::string(buffer.data(), static_cast<size_t>(std::clamp<int>(length, 0, buffer.size() - 1)));
}

// Decimals that tell multiples of `step` apart.
int decimals(double step) { return std::clamp(-static_cast<int>(std::floor(std::log10(step) + 1e-9)), 0, 12); }

// A step of 1, 2 or 5 times a power of ten that cuts `range` into about five parts.
double nice_step(double range) {
  const double rough = range / 5;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  // 1 to 10: rounded to 1, 2, 5 or 10 at about the middles between them.
  const double parts = rough / power;
  return power * (parts < 1.5 ? 1 : parts < 3.5 ? 2 : parts < 7.5 ? 5 : 10);
}

}  // namespace

double Axis::place(double value) const {
  if (log) return (std::log10(value) - std::log10(low)) / (std::log10(high) - std::log10(low));
  return (value - low) / (high - low);
}

std::string Axis::text(double tick) const {
  if (tick == 0) return "0";
  const double size = std::abs(tick);
  if (log) return format("%.*g", 3, tick);
  if (size >= 1e9 || step < 1e-5) return format("%.*g", 4, tick);
  if (std::max(std::abs(low), std::abs(high)) >= 1e6) return format("%.*f", decimals(step / 1e6), tick / 1e6) + "M";
  if (std::max(std::abs(low), std::abs(high)) >= 1e4) return format("%.*f", decimals(step / 1e3), tick / 1e3) + "k";
  return format("%.*f", decimals(step), tick);
}

Axis linear_axis(double low, double high, bool round_ends) {
  if (!(low <= high)) low = 0, high = 1;
  // A flat line still needs a range, and one that floating-point numbers can tell apart.
  const double least = std::max({std::abs(low), std::abs(high), 1e-30}) * 1e-6;
  if (high - low < least) {
    const double margin = std::max(std::max(std::abs(low), std::abs(high)) * 0.1, least);
    low -= margin;
    high += margin;
  }
  Axis axis{.low = low, .high = high, .ticks = {}, .step = nice_step(high - low)};
  const double step = axis.step;
  if (round_ends) {
    axis.low = std::floor(low / step + 1e-9) * step;
    axis.high = std::ceil(high / step - 1e-9) * step;
  }
  const double first = std::ceil(axis.low / step - 1e-9);
  for (double i = first; i * step <= axis.high + step * 1e-9; ++i) axis.ticks.push_back(i * step);
  return axis;
}

Axis log_axis(double low, double high) {
  if (!(low <= high)) low = 1, high = 10;
  std::vector<double> candidates;
  const int first = static_cast<int>(std::floor(std::log10(low))), last = static_cast<int>(std::ceil(std::log10(high)));
  for (int power = first; power <= last; ++power)
    for (const int digit : {1, 2, 5}) candidates.push_back(digit * std::pow(10, power));
  // The last candidate not above `low`, and the first not below `high` that leaves a range.
  auto begin = std::upper_bound(candidates.begin(), candidates.end(), low * (1 + 1e-9));
  if (begin != candidates.begin()) --begin;
  auto end = std::lower_bound(begin + 1, candidates.end() - 1, high * (1 - 1e-9));
  Axis axis{.low = *begin, .high = *end, .log = true, .ticks = {}};
  const bool only_powers = end - begin > 7;
  const double every = std::max(1.0, std::round(static_cast<double>(end - begin) / 3 / 6));  // at most about 6 texts
  for (auto it = begin; it <= end; ++it) {
    const double power = std::log10(*it);
    const bool is_power = std::abs(power - std::round(power)) < 1e-9;
    if (!only_powers || (is_power && std::fmod(std::round(power), every) == 0)) axis.ticks.push_back(*it);
  }
  return axis;
}

}  // namespace farro::training
