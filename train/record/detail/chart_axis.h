// SPDX-License-Identifier: Apache-2.0
// The scale of one axis of a chart: its ends, its ticks and their texts. Used by line_chart.cpp alone.
#pragma once

#include <string>
#include <vector>

namespace farro::training {

struct Axis {
  double low = 0, high = 1;
  bool log = false;
  std::vector<double> ticks;
  double step = 0;  // between ticks of a linear axis; decides how many decimals their texts need

  // 0 at `low`, 1 at `high`.
  double place(double value) const;
  std::string text(double tick) const;
};

// Covers [low, high]; low > high stands for "no value". `round_ends` moves the ends out to ticks.
Axis linear_axis(double low, double high, bool round_ends);
// For positive values; the ends lie at 1, 2 or 5 times a power of ten.
Axis log_axis(double low, double high);

}  // namespace farro::training
