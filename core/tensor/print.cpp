// SPDX-License-Identifier: Apache-2.0
// Tensors as text, in PyTorch's format, so that output can be compared and read by the same eyes.
#include <farro/core/tensor/print.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <mutex>
#include <ostream>

namespace farro {

namespace {

constexpr std::string_view kPrefix = "tensor(";

std::string format(double value, std::chars_format form, int precision) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[512];  // the greatest double has 309 digits before the point
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, form, std::min(precision, 100));
  return std::string(buffer, end.ptr);
}

// How all the elements of a floating tensor are written, and how wide.
struct NumberStyle {
  bool integers = true;     // "1."
  bool scientific = false;  // "1.0000e+00"
  int precision;
  size_t width = 1;

  NumberStyle(const std::vector<double>& values, const PrintOptions& options) : precision(options.precision) {
    double least = INFINITY, most = 0;
    for (double value : values) {
      if (value == 0 || !std::isfinite(value)) continue;
      least = std::min(least, std::abs(value));
      most = std::max(most, std::abs(value));
      integers = integers && value == std::ceil(value);
    }
    if (most > 0) {
      // PyTorch's rule (torch/_tensor_str.py).
      scientific = most / least > 1000 || most > 1e8 || (!integers && least < 1e-4);
      for (double value : values)
        if (value != 0 && std::isfinite(value)) width = std::max(width, text(value).size());
    }
    if (options.sci_mode) scientific = *options.sci_mode;
  }

  std::string text(double value) const {
    if (scientific) return format(value, std::chars_format::scientific, precision);
    if (!integers) return format(value, std::chars_format::fixed, precision);
    return format(value, std::chars_format::fixed, 0) + (std::isfinite(value) ? "." : "");
  }
};

std::string padded(const std::string& text, size_t width) {
  std::string out(width > text.size() ? width - text.size() : 0, ' ');
  out += text;
  return out;
}

// A comma, and so many spaces on a new line.
std::string line_break(size_t newlines, size_t indent) {
  std::string out(1, ',');
  out.append(newlines, '\n');
  out.append(indent, ' ');
  return out;
}

// Every element as text, right-aligned to one width.
std::vector<std::string> cells_of(const Tensor& tensor, const PrintOptions& options) {
  std::vector<std::string> cells;
  size_t width = 1;
  if (is_floating(tensor.dtype())) {
    const std::vector<double> values = tensor.to_vector<double>();
    // All elements in one style, so that columns line up.
    const NumberStyle style(values, options);
    for (double value : values) cells.push_back(style.text(value));
    width = style.width;
  } else {
    for (int64_t value : tensor.to_vector<int64_t>()) {
      cells.push_back(tensor.dtype() == DType::boolean ? (value ? "True" : "False") : str(value));
      width = std::max(width, cells.back().size());
    }
  }
  for (std::string& cell : cells) cell = padded(cell, width);
  return cells;
}

// The elements that are shown: both ends of the dimensions that are cut.
Tensor summary(Tensor tensor, int64_t edge) {
  for (int d = 0; d < tensor.dim(); ++d) {
    const int64_t size = tensor.sizes()[d];
    if (size - edge <= edge) continue;
    Shape sizes = tensor.sizes();
    sizes[d] = 2 * edge;
    const Tensor ends = empty(sizes, {.dtype = tensor.dtype(), .device = tensor.device()});
    ends.narrow(d, 0, edge).copy_(tensor.narrow(d, 0, edge));
    ends.narrow(d, edge, edge).copy_(tensor.narrow(d, size - edge, edge));
    tensor = ends;
  }
  return tensor;
}

// The brackets around the cells.
class Writer {
 public:
  Writer(const Tensor& tensor, const PrintOptions& options) : options_(options), sizes_(tensor.sizes()) {
    const bool summarise = tensor.numel() > options.threshold;
    const Tensor shown = summarise ? summary(tensor, options.edge_items) : tensor;
    for (int d = 0; d < tensor.dim(); ++d) cut_ |= static_cast<unsigned>(shown.sizes()[d] < sizes_[d]) << d;
    sizes_ = shown.sizes();
    cells_ = cells_of(shown, options);
    width_ = cells_.empty() ? 1 : cells_[0].size();
  }

  // Dimension `d` of the part that starts at cell `first`.
  std::string write(int d, size_t first, size_t indent) const {
    if (sizes_.empty()) return cells_[0];
    return d == sizes_.size() - 1 ? row(first, indent) : block(d, first, indent);
  }

 private:
  bool is_cut(int d) const { return cut_ >> d & 1u; }

  std::string block(int d, size_t first, size_t indent) const {
    size_t stride = 1;
    for (int i = d + 1; i < sizes_.size(); ++i) stride *= static_cast<size_t>(sizes_[i]);
    std::vector<std::string> parts;
    for (int64_t i = 0; i <= sizes_[d]; ++i) {
      if (is_cut(d) && i == sizes_[d] / 2) parts.emplace_back("...");
      if (i < sizes_[d]) parts.push_back(write(d + 1, first + static_cast<size_t>(i) * stride, indent + 1));
    }
    // A blank line for each dimension beyond two, so that the blocks of a 3-D tensor stand apart.
    const auto newlines = static_cast<size_t>(sizes_.size() - 1 - d);
    return joined(parts, line_break(newlines, indent + 1));
  }

  // As many elements on a line as fit.
  std::string row(size_t first, size_t indent) const {
    const int64_t room = (options_.line_width - static_cast<int64_t>(indent)) / static_cast<int64_t>(width_ + 2);
    const size_t per_line = static_cast<size_t>(std::max<int64_t>(room, 1));
    const int64_t size = sizes_.back();
    std::vector<std::string> lines;
    size_t count = 0;
    const auto add = [&](const std::string& cell) {
      if (count++ % per_line == 0)
        lines.push_back(cell);
      else
        lines.back() += ", " + cell;
    };
    for (int64_t i = 0; i <= size; ++i) {
      if (is_cut(sizes_.size() - 1) && i == size / 2) add(" ...");
      if (i < size) add(cells_[first + static_cast<size_t>(i)]);
    }
    return joined(lines, line_break(1, indent + 1));
  }

  static std::string joined(const std::vector<std::string>& parts, const std::string& separator) {
    std::string out = "[";
    for (const std::string& part : parts) {
      if (out.size() > 1) out += separator;
      out += part;
    }
    out += "]";
    return out;
  }

  const PrintOptions& options_;
  Shape sizes_;       // of what is shown
  unsigned cut_ = 0;  // bit d: dimension d shows its ends only
  std::vector<std::string> cells_;
  size_t width_ = 1;
};

// A Python tuple.
std::string size_text(const Shape& sizes) {
  std::string out = "size=(";
  for (int i = 0; i < sizes.size(); ++i) out += str(i ? ", " : "", sizes[i]);
  out += sizes.size() == 1 ? ",)" : ")";
  return out;
}

// What the elements do not tell.
std::vector<std::string> suffixes_of(const Tensor& tensor) {
  std::vector<std::string> suffixes;
  // As PyTorch: what is the default is not said.
  if (tensor.device().type != default_device().type) suffixes.push_back("device='" + to_string(tensor.device()) + "'");
  if (tensor.is_meta() || (tensor.numel() == 0 && tensor.dim() != 1)) suffixes.push_back(size_text(tensor.sizes()));
  const DType dtype = tensor.dtype();
  if (dtype != default_dtype() && dtype != DType::i64 && dtype != DType::boolean)
    suffixes.push_back(str("dtype=", dtype));
  if (const GraphNode* node = tensor.grad_fn().get()) {
    suffixes.push_back(str("grad_fn=<", node->name(), ">"));
  } else if (tensor.requires_grad()) {
    suffixes.emplace_back("requires_grad=True");
  }
  return suffixes;
}

std::string body_of(const Tensor& tensor, const PrintOptions& options) {
  if (tensor.is_meta()) return "...";
  if (tensor.numel() == 0) return "[]";
  return Writer(tensor.detach(), options).write(0, 0, kPrefix.size());
}

std::mutex options_mutex;
PrintOptions& options_of_process() {
  static PrintOptions options;
  return options;
}

}  // namespace

void set_print_options(const PrintOptions& options) {
  FARRO_CHECK(options.precision >= 0 && options.threshold >= 0 && options.edge_items >= 0 && options.line_width >= 0,
              ValueError, "set_print_options: numbers must not be negative, got precision ", options.precision,
              ", threshold ", options.threshold, ", edge_items ", options.edge_items, ", line_width ",
              options.line_width);
  const std::lock_guard lock(options_mutex);
  options_of_process() = options;
}

PrintOptions print_options() {
  const std::lock_guard lock(options_mutex);
  return options_of_process();
}

std::string to_text(const Tensor& tensor, const PrintOptions& options) {
  if (!tensor.defined()) return "tensor(undefined)";
  std::string out(kPrefix);
  out += body_of(tensor, options);
  const size_t newline = out.rfind('\n');
  size_t column = newline == std::string::npos ? out.size() + 2 : out.size() - newline + 1;
  for (const std::string& suffix : suffixes_of(tensor)) {
    if (column + suffix.size() + 2 > static_cast<size_t>(options.line_width)) {
      out += line_break(1, kPrefix.size());
      out += suffix;
      column = kPrefix.size() + suffix.size();
    } else {
      out += ", ";
      out += suffix;
      column += suffix.size() + 2;
    }
  }
  out += ")";
  return out;
}

std::string to_text(const Tensor& tensor) { return to_text(tensor, print_options()); }

std::ostream& operator<<(std::ostream& out, const Tensor& tensor) { return out << to_text(tensor); }

}  // namespace farro
