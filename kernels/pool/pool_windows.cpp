// SPDX-License-Identifier: Apache-2.0
// Tables of pooling windows: for each output which inputs it covers, and for each input which outputs cover it, per
// dimension. They take the divisions and the cases of the border out of the loops.
#include <farro/kernels/pool/pool_windows.h>

#include <farro/core/util/checked.h>

#include <algorithm>
#include <numeric>

namespace farro {

namespace {

struct Window {
  int64_t origin, begin, end, divisor;
};

Window adaptive_window(int64_t o, int64_t in, int64_t out) {
  // From floor(o * in / out) to ceil((o + 1) * in / out), as PyTorch's adaptive pooling: windows overlap where out does
  // not divide in.
  const int64_t start = o * in / out, stop = ((o + 1) * in + out - 1) / out;
  return {start, 0, stop - start, stop - start};
}

Window fixed_window(int64_t o, int64_t in, const PoolParams& params, int d) {
  const int64_t kernel = params.kernel[d], pad = params.padding[d], step = params.dilation[d];
  const int64_t origin = o * params.stride[d] - pad;
  const int64_t begin = origin < 0 ? (-origin + step - 1) / step : 0;
  const int64_t end = std::min(kernel, (in - origin + step - 1) / step);
  Window w{origin, begin, std::max(begin, end), 0};
  // A window counts elements of the padding if asked to, but never what lies beyond it (ceil_mode).
  w.divisor = params.count_include_pad ? std::min(kernel, in + pad - origin) : w.end - w.begin;
  return w;
}

int64_t largest_window(int64_t in, const PoolParams& params, int d) {
  if (!params.adaptive()) return params.kernel[d];
  // Of the in / out elements between the bounds of a window, the bounds cut an element each unless they fall on it:
  // with m = o * rest mod out, a window has whole + ceil((m + rest) / out) elements, and m takes all multiples of the
  // common divisor.
  const int64_t out = params.output[d];
  if (out == 0) return 1;
  const int64_t whole = in / out, rest = in % out;
  return std::max<int64_t>(whole + (rest == 0 ? 0 : rest == std::gcd(rest, out) ? 1 : 2), 1);
}

}  // namespace

PoolWindows::PoolWindows(const Shape& x_sizes, const PoolParams& params) {
  const int rank = x_sizes.size() - 2;
  // A missing dimension: one position, one window, one tap.
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
    FARRO_CHECK(axis.in <= INT32_MAX && axis.out <= INT32_MAX, ShapeError,
                "pool: pooled dimensions must have fewer than 2^31 elements, got ", axis.in, " and ", axis.out);
    const size_t in = static_cast<size_t>(axis.in), out = static_cast<size_t>(axis.out);
    const auto window_of = [&](size_t o) {
      return params.adaptive() ? adaptive_window(static_cast<int64_t>(o), axis.in, axis.out)
                               : fixed_window(static_cast<int64_t>(o), axis.in, params, from);
    };
    size_t pairs = 0;
    for (size_t o = 0; o < out; ++o) {
      const Window window = window_of(o);
      pairs += static_cast<size_t>(window.end - window.begin);
    }
    FARRO_CHECK(pairs <= INT32_MAX, ShapeError,
                "pool: windows must hold fewer than 2^31 elements along a dimension, got ", pairs);
    // Tensors, whose memory has a typed error where there is none left.
    const auto numbers = [](size_t count) { return empty({static_cast<int64_t>(count)}, {DType::i32, Device::cpu()}); };
    tables_[d] = numbers(4 * out + in + 1 + 2 * pairs);
    int32_t* origin = tables_[d].data<int32_t>();
    int32_t *begin = origin + out, *end = begin + out, *divisor = end + out, *cover_at = divisor + out;
    int32_t *cover_out = cover_at + in + 1, *cover_tap = cover_out + pairs;
    for (size_t o = 0; o < out; ++o) {
      const Window window = window_of(o);
      origin[o] = static_cast<int32_t>(window.origin);
      begin[o] = static_cast<int32_t>(window.begin);
      end[o] = static_cast<int32_t>(window.end);
      divisor[o] = static_cast<int32_t>(window.divisor);
    }
    // Counting sort of (input, output, tap) by input; outputs ascend within each.
    const auto each = [&](auto&& fn) {
      for (size_t o = 0; o < out; ++o)
        for (int64_t tap = begin[o]; tap < end[o]; ++tap)
          fn(static_cast<size_t>(origin[o] + tap * axis.step), static_cast<int32_t>(o), static_cast<int32_t>(tap));
    };
    std::fill_n(cover_at, in + 1, 0);
    each([&](size_t i, int32_t, int32_t) { ++cover_at[i + 1]; });
    for (size_t i = 0; i < in; ++i) cover_at[i + 1] += cover_at[i];
    const Tensor places = numbers(in);
    int32_t* next = places.data<int32_t>();
    std::copy_n(cover_at, in, next);
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
  Checked size = 1;
  for (int d = 0; d < x_sizes.size() - 2; ++d) size = size * largest_window(x_sizes[d + 2], params, d);
  return size.ok() ? size.value() : INT64_MAX;
}

}  // namespace farro
