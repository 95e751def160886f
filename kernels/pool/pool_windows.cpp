#include <farro/kernels/pool/pool_windows.h>

#include <algorithm>

namespace farro {

const PoolLoops* pool_loops = nullptr;

namespace {

struct Window {
  int64_t origin, begin, end, divisor;
};

Window adaptive_window(int64_t o, int64_t in, int64_t out) {
  const int64_t start = o * in / out, stop = ((o + 1) * in + out - 1) / out;
  return {start, 0, stop - start, stop - start};
}

Window fixed_window(int64_t o, int64_t in, const PoolParams& params, int d) {
  const int64_t kernel = params.kernel[d], pad = params.padding[d], step = params.dilation[d];
  const int64_t origin = o * params.stride[d] - pad;
  const int64_t begin = origin < 0 ? (-origin + step - 1) / step : 0;
  const int64_t end = std::min(kernel, (in - origin + step - 1) / step);
  Window w{origin, begin, std::max(begin, end), 0};
  w.divisor = params.count_include_pad ? std::min(kernel, in + pad - origin) : w.end - w.begin;
  return w;
}

int64_t largest_window(int64_t in, const PoolParams& params, int d) {
  if (!params.adaptive()) return params.kernel[d];
  int64_t largest = 1;
  for (int64_t o = 0; o < params.output[d]; ++o)
    largest = std::max(largest, adaptive_window(o, in, params.output[d]).end);
  return largest;
}

}  // namespace

PoolWindows::PoolWindows(const Shape& x_sizes, const PoolParams& params) {
  const int rank = x_sizes.size() - 2;
  static constexpr int32_t kZeroOne[] = {0, 1};
  for (int d = 0; d < 3; ++d) {
    PoolAxis& axis = axes_[d];
    const int from = d - (3 - rank);  // the spatial dimension this axis stands for
    if (from < 0) {
      axis.origin = axis.begin = axis.cover_at = axis.cover_out = axis.cover_tap = kZeroOne;
      axis.end = axis.divisor = kZeroOne + 1;
      continue;
    }
    axis.in = x_sizes[from + 2];
    axis.out = params.output[from];
    axis.step = params.adaptive() ? 1 : params.dilation[from];
    axis.window = largest_window(axis.in, params, from);
    std::vector<int32_t>& table = tables_[d];
    const size_t in = static_cast<size_t>(axis.in), out = static_cast<size_t>(axis.out);
    std::vector<Window> windows(out);
    size_t pairs = 0;
    for (size_t o = 0; o < out; ++o) {
      windows[o] = params.adaptive() ? adaptive_window(static_cast<int64_t>(o), axis.in, axis.out)
                                     : fixed_window(static_cast<int64_t>(o), axis.in, params, from);
      pairs += static_cast<size_t>(windows[o].end - windows[o].begin);
    }
    table.resize(4 * out + in + 1 + 2 * pairs);
    int32_t* origin = table.data();
    int32_t *begin = origin + out, *end = begin + out, *divisor = end + out, *cover_at = divisor + out;
    int32_t *cover_out = cover_at + in + 1, *cover_tap = cover_out + pairs;
    for (size_t o = 0; o < out; ++o) {
      origin[o] = static_cast<int32_t>(windows[o].origin);
      begin[o] = static_cast<int32_t>(windows[o].begin);
      end[o] = static_cast<int32_t>(windows[o].end);
      divisor[o] = static_cast<int32_t>(windows[o].divisor);
    }
    // Counting sort of (input, output, tap) by input; outputs ascend within each.
    const auto each = [&](auto&& fn) {
      for (size_t o = 0; o < out; ++o)
        for (int64_t tap = windows[o].begin; tap < windows[o].end; ++tap)
          fn(static_cast<size_t>(windows[o].origin + tap * axis.step), static_cast<int32_t>(o),
             static_cast<int32_t>(tap));
    };
    each([&](size_t i, int32_t, int32_t) { ++cover_at[i + 1]; });
    for (size_t i = 0; i < in; ++i) cover_at[i + 1] += cover_at[i];
    std::vector<int32_t> next(cover_at, cover_at + in);
    each([&](size_t i, int32_t o, int32_t tap) {
      cover_out[next[i]] = o;
      cover_tap[next[i]++] = tap;
    });
    axis.origin = origin;
    axis.begin = begin;
    axis.end = end;
    axis.divisor = divisor;
    axis.cover_at = cover_at;
    axis.cover_out = cover_out;
    axis.cover_tap = cover_tap;
  }
}

int64_t pool_window_size(const Shape& x_sizes, const PoolParams& params) {
  int64_t size = 1;
  for (int d = 0; d < x_sizes.size() - 2; ++d) size *= largest_window(x_sizes[d + 2], params, d);
  return size;
}

}  // namespace farro
