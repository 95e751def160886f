// SPDX-License-Identifier: Apache-2.0
// Line charts as SVG pictures: loss and accuracy over the steps of a run, side by side. Called by training programs at
// the end of an epoch; needs nothing but a browser to be looked at.
#pragma once

#include <farro/core/api.h>

#include <span>
#include <string>
#include <vector>

namespace farro::training {

struct ChartSeries {
  std::string name;
  // Points in order of x. A point that is not finite, or beyond 1e300, is left out and breaks the line.
  std::vector<double> x, y;
  // 0 draws the points as they are. Towards 1 an exponential moving average is drawn over a faint line of the points
  // (new average = smoothing x average + (1 - smoothing) x point), as for the noisy loss of single steps.
  double smoothing = 0;
};

struct LineChart {
  std::string title;
  std::string x_label;
  std::string y_label;
  std::vector<ChartSeries> series;
  bool log_y = false;  // points below 1e-300 are left out
};

// One picture with the charts side by side. ValueError when x and y differ in length or smoothing is outside [0, 1).
FARRO_API std::string render_svg(std::span<const LineChart> charts);
FARRO_API std::string render_svg(const LineChart& chart);

// The same into a file, replaced as a whole, so that a viewer never meets half a picture.
FARRO_API void save_svg(const std::string& path, std::span<const LineChart> charts);

}  // namespace farro::training
