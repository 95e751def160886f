// SPDX-License-Identifier: Apache-2.0
// Line charts as SVG, made of text alone: no library, and the same bytes for the same numbers.
#include <farro/train/record/line_chart.h>

#include <farro/core/error/error.h>
#include <farro/core/io/atomic_file.h>
#include <farro/core/io/detail/utf8.h>
#include <farro/train/record/detail/chart_axis.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string_view>

namespace farro::training {

namespace {

// Pixels of one chart and of its plot.
constexpr double kWidth = 560, kLeft = 70, kRight = 26, kBottom = 56;
constexpr double kPlotWidth = kWidth - kLeft - kRight, kPlotHeight = 244;
constexpr double kLegendTop = 62, kLegendRow = 17;

// Told apart also with a colour-vision deficiency, and on white all have a contrast of 3 or more.
constexpr std::array<std::string_view, 6> kColours = {"#2563eb", "#e8590c", "#0f9d76", "#9a4fd0", "#d6336c", "#0c8599"};
constexpr std::string_view kInk = "#1f2937", kSoftInk = "#6b7280", kGrid = "#edf0f4", kAxis = "#c3c9d4";

std::string_view colour(size_t series) { return kColours[series % kColours.size()]; }

// A coordinate: two decimals are a hundredth of a pixel.
std::string px(double value) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, std::round(value * 100) / 100).ptr;
  return std::string(buffer, end);
}

std::string escape(std::string_view text) {
  std::string out;
  std::string good = to_utf8(text);
  // The two characters of UTF-8 that XML cannot hold either.
  for (const std::string_view none : {"\xef\xbf\xbe", "\xef\xbf\xbf"})
    for (size_t at = 0; (at = good.find(none, at)) != std::string::npos;) good.replace(at, 3, "\xef\xbf\xbd");
  for (const char c : good) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;  // XML cannot hold control characters
    }
  }
  return out;
}

struct Text {
  double x, y;
  std::string_view anchor = "start";
  double size = 12;
  std::string_view fill = kSoftInk;
  std::string_view extra = {};
};
std::string draw_text(const Text& style, std::string_view text) {
  return str("<text x=\"", px(style.x), "\" y=\"", px(style.y), "\" text-anchor=\"", style.anchor, "\" font-size=\"",
             px(style.size), "\" fill=\"", style.fill, "\"", style.extra, ">", escape(text), "</text>\n");
}

std::string draw_line(double x1, double y1, double x2, double y2, std::string_view stroke, double width = 1) {
  return str("<line x1=\"", px(x1), "\" y1=\"", px(y1), "\" x2=\"", px(x2), "\" y2=\"", px(y2), "\" stroke=\"", stroke,
             "\" stroke-width=\"", px(width), "\"/>\n");
}

// Beyond these an axis could not be computed: its range would overflow, or its ticks be zero.
constexpr double kMost = 1e300, kLeast = 1e-300;

bool is_drawn(const LineChart& chart, double x, double y) {
  return std::abs(x) <= kMost && std::abs(y) <= kMost && (!chart.log_y || y >= kLeast);
}

// The exponential moving average, without the pull towards zero at the start (as in Adam, Kingma and Ba 2014).
std::vector<double> smoothed(const LineChart& chart, const ChartSeries& series) {
  std::vector<double> out = series.y;
  double average = 0, weight = 0;
  for (size_t i = 0; i < out.size(); ++i) {
    if (!is_drawn(chart, series.x[i], out[i])) continue;
    // With a_i = s a + (1 - s) y and w_i = s w + (1 - s), the average is a / w: after one value it is that value.
    average = series.smoothing * average + (1 - series.smoothing) * out[i];
    weight = series.smoothing * weight + (1 - series.smoothing);
    out[i] = average / weight;
  }
  return out;
}

struct Scales {
  Axis x, y;
  double top;  // of the plot
  double px_x(double value) const { return kLeft + x.place(value) * kPlotWidth; }
  double px_y(double value) const { return top + (1 - y.place(value)) * kPlotHeight; }
};

Scales make_scales(const LineChart& chart, double top) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  double low_x = kInfinity, high_x = -kInfinity, low_y = kInfinity, high_y = -kInfinity;
  for (const ChartSeries& series : chart.series) {
    for (size_t i = 0; i < series.x.size(); ++i) {
      if (!is_drawn(chart, series.x[i], series.y[i])) continue;
      low_x = std::min(low_x, series.x[i]);
      high_x = std::max(high_x, series.x[i]);
      low_y = std::min(low_y, series.y[i]);
      high_y = std::max(high_y, series.y[i]);
    }
  }
  // The steps' axis ends where the data ends; the values' axis ends at a tick.
  return {linear_axis(low_x, high_x, false), chart.log_y ? log_axis(low_y, high_y) : linear_axis(low_y, high_y, true),
          top};
}

// One drawn stretch of a line, in pixels.
struct Pixel {
  double x, y;
};
using Run = std::vector<Pixel>;

// At most four points for each column of pixels (first, lowest, highest, last): a run of a million steps looks the same
// and stays a small file.
Run thinned(const Run& run) {
  if (run.size() < 4 * static_cast<size_t>(kPlotWidth)) return run;
  Run out;
  for (size_t begin = 0; begin < run.size();) {
    size_t end = begin, low = begin, high = begin;
    for (; end < run.size() && std::floor(run[end].x) == std::floor(run[begin].x); ++end) {
      if (run[end].y < run[low].y) low = end;
      if (run[end].y > run[high].y) high = end;
    }
    std::array<size_t, 4> kept = {begin, low, high, end - 1};
    // In the order of the steps, each of them once.
    std::sort(kept.begin(), kept.end());
    for (auto it = kept.begin(), last = std::unique(kept.begin(), kept.end()); it != last; ++it)
      out.push_back(run[*it]);
    begin = end;
  }
  return out;
}

std::vector<Run> runs_of(const LineChart& chart, const Scales& scales, const std::vector<double>& x,
                         const std::vector<double>& y) {
  std::vector<Run> runs(1);
  for (size_t i = 0; i < x.size(); ++i) {
    // A value that cannot be drawn (NaN, infinite, not above 0 on a logarithmic axis) interrupts the line.
    if (is_drawn(chart, x[i], y[i])) {
      runs.back().push_back({scales.px_x(x[i]), scales.px_y(y[i])});
    } else if (!runs.back().empty()) {
      runs.emplace_back();
    }
  }
  for (Run& run : runs) run = thinned(run);
  return runs;
}

std::string draw_runs(const std::vector<Run>& runs, std::string_view stroke, double width, double opacity, bool dots) {
  std::string path, circles;
  for (const Run& run : runs) {
    for (size_t i = 0; i < run.size(); ++i) path += str(i ? "L" : "M", px(run[i].x), " ", px(run[i].y));
    if (!dots && run.size() > 1) continue;
    for (const Pixel& p : run)
      circles +=
          str("<circle cx=\"", px(p.x), "\" cy=\"", px(p.y), "\" r=\"3\" fill=\"", stroke, "\" stroke=\"#fff\"/>\n");
  }
  return str("<path d=\"", path, "\" fill=\"none\" stroke=\"", stroke, "\" stroke-width=\"", px(width), "\" opacity=\"",
             px(opacity), "\" stroke-linejoin=\"round\" stroke-linecap=\"round\"/>\n", circles);
}

std::string draw_grid(const LineChart& chart, const Scales& scales) {
  const double right = kLeft + kPlotWidth, bottom = scales.top + kPlotHeight;
  std::string out;
  for (const double tick : scales.y.ticks) {
    const double y = scales.px_y(tick);
    out += draw_line(kLeft, y, right, y, kGrid);
    out += draw_text({.x = kLeft - 9, .y = y + 4, .anchor = "end"}, scales.y.text(tick));
  }
  for (const double tick : scales.x.ticks) {
    const double x = scales.px_x(tick);
    out += draw_line(x, bottom, x, bottom + 5, kAxis);
    out += draw_text({.x = x, .y = bottom + 19, .anchor = "middle"}, scales.x.text(tick));
  }
  out += draw_line(kLeft, bottom, right, bottom, kAxis, 1.2);
  out += draw_text({.x = kLeft + kPlotWidth / 2, .y = bottom + 42, .anchor = "middle", .size = 12.5}, chart.x_label);
  const double middle = scales.top + kPlotHeight / 2;
  const std::string turned = str(" transform=\"rotate(-90 18 ", px(middle), ")\"");
  out += draw_text({.x = 18, .y = middle, .anchor = "middle", .size = 12.5, .extra = turned}, chart.y_label);
  return out;
}

std::string last_value(const LineChart& chart, const ChartSeries& series) {
  const std::vector<double> y = smoothed(chart, series);
  for (size_t i = y.size(); i-- > 0;) {
    if (!is_drawn(chart, series.x[i], y[i])) continue;
    char buffer[32];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, y[i], std::chars_format::general, 4).ptr;
    return std::string(buffer, end);
  }
  return "";
}

// Grows row by row; the plot begins below it.
struct Legend {
  std::string text = {};
  double x = kLeft, y = kLegendTop;

  void add(std::string_view name, std::string_view value, std::string_view stroke) {
    // Text cannot be measured without its font; 6.6 pixels a character is what sans-serif fonts of this size have.
    const double width = 24 + 6.6 * static_cast<double>(name.size() + value.size() + 1);
    if (x > kLeft && x + width > kWidth - kRight) {
      x = kLeft;
      y += kLegendRow;
    }
    text += draw_line(x, y - 4, x + 16, y - 4, stroke, 3);
    text += str("<text x=\"", px(x + 22), "\" y=\"", px(y), "\" font-size=\"12\" fill=\"", kSoftInk, "\">",
                escape(name), " <tspan font-weight=\"600\" fill=\"", kInk, "\">", value, "</tspan></text>\n");
    x += width + 18;
  }
};

Legend make_legend(const LineChart& chart) {
  Legend legend;
  for (size_t i = 0; i < chart.series.size(); ++i)
    legend.add(chart.series[i].name, last_value(chart, chart.series[i]), colour(i));
  return legend;
}

void check(const LineChart& chart) {
  for (const ChartSeries& series : chart.series) {
    FARRO_CHECK(series.x.size() == series.y.size(), ValueError,
                "render_svg: x and y of a series must be equally long, got ", series.x.size(), " and ", series.y.size(),
                " ('", series.name, "')");
    FARRO_CHECK(series.smoothing >= 0 && series.smoothing < 1, ValueError,
                "render_svg: smoothing must be in [0, 1), got ", series.smoothing, " ('", series.name, "')");
  }
}

std::string draw_chart(const LineChart& chart, const Legend& legend, double top) {
  constexpr size_t kMostDots = 30;  // more than that hide the line
  const Scales scales = make_scales(chart, top);
  const std::string bold = " font-weight=\"600\"";
  std::string out = draw_text({.x = kLeft, .y = 38, .size = 17, .fill = kInk, .extra = bold}, chart.title);
  out += draw_grid(chart, scales) + legend.text;
  for (size_t i = 0; i < chart.series.size(); ++i) {
    const ChartSeries& series = chart.series[i];
    // The values as they are, faintly, behind their smoothed line.
    if (series.smoothing > 0) out += draw_runs(runs_of(chart, scales, series.x, series.y), colour(i), 1, 0.25, false);
    const std::vector<Run> runs = runs_of(chart, scales, series.x, smoothed(chart, series));
    out += draw_runs(runs, colour(i), 2.2, 1, series.x.size() <= kMostDots);
  }
  return out;
}

}  // namespace

std::string render_svg(std::span<const LineChart> charts) {
  std::vector<Legend> legends;
  double top = kLegendTop;  // of all plots, so that they stand in a row
  for (const LineChart& chart : charts) {
    check(chart);
    legends.push_back(make_legend(chart));
    top = std::max(top, legends.back().y);
  }
  top += 30;
  const double width = kWidth * static_cast<double>(std::max<size_t>(charts.size(), 1));
  const double height = top + kPlotHeight + kBottom;
  std::string out = str("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"", px(width), "\" height=\"", px(height),
                        "\" viewBox=\"0 0 ", px(width), " ", px(height),
                        "\" font-family=\"Inter, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif\">\n"
                        "<rect width=\"100%\" height=\"100%\" rx=\"10\" fill=\"#fff\"/>\n");
  for (size_t i = 0; i < charts.size(); ++i)
    out += str("<g transform=\"translate(", px(kWidth * static_cast<double>(i)), " 0)\">\n",
               draw_chart(charts[i], legends[i], top), "</g>\n");
  return out + "</svg>\n";
}

std::string render_svg(const LineChart& chart) { return render_svg(std::span(&chart, 1)); }

void save_svg(const std::string& path, std::span<const LineChart> charts) { io::write_file(path, render_svg(charts)); }

}  // namespace farro::training
