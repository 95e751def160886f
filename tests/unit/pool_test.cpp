// Pooling against plain reference loops, in both layouts, with gradients and gradients of gradients.
#include <farro/autograd/engine/engine.h>
#include <farro/kernels/pointwise/arithmetic.h>
#include <farro/kernels/pointwise/factories.h>
#include <farro/kernels/pool/pool.h>

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace farro {
namespace {

using V = std::vector<double>;

Tensor filled(const Shape& sizes, uint32_t seed, DType dtype = DType::f32) {
  V values(static_cast<size_t>(checked_numel("test", sizes)));
  uint32_t state = seed * 2654435761u + 12345u;
  for (double& value : values) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<double>(static_cast<float>(state >> 16) / 32768.0f - 1.0f);
  }
  return tensor(values, sizes).to(dtype);
}

struct Case {
  const char* name;
  Shape x;
  PoolOptions options;
  Dims adaptive = {};
};
std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name; }

Tensor run_max(const Case& c, const Tensor& x) {
  const int rank = x.dim() - 2;
  if (!c.adaptive.empty())
    return rank == 1   ? adaptive_max_pool1d(x, c.adaptive)
           : rank == 2 ? adaptive_max_pool2d(x, c.adaptive)
                       : adaptive_max_pool3d(x, c.adaptive);
  return rank == 1 ? max_pool1d(x, c.options) : rank == 2 ? max_pool2d(x, c.options) : max_pool3d(x, c.options);
}
Tensor run_avg(const Case& c, const Tensor& x) {
  const int rank = x.dim() - 2;
  if (!c.adaptive.empty())
    return rank == 1   ? adaptive_avg_pool1d(x, c.adaptive)
           : rank == 2 ? adaptive_avg_pool2d(x, c.adaptive)
                       : adaptive_avg_pool3d(x, c.adaptive);
  return rank == 1 ? avg_pool1d(x, c.options) : rank == 2 ? avg_pool2d(x, c.options) : avg_pool3d(x, c.options);
}

// Per axis, the window of output `o`: first input, taps, distance.
struct Window {
  int64_t first, taps, step;
};
Window window(const Case& c, int d, int64_t o, int64_t in, int64_t out) {
  if (!c.adaptive.empty()) {
    const int64_t first = o * in / out;
    return {first, ((o + 1) * in + out - 1) / out - first, 1};
  }
  const auto pick = [&](const Dims& dims, int64_t fallback) {
    return dims.empty() ? fallback : dims.size() == 1 ? dims[0] : dims[d];
  };
  const int64_t kernel = pick(c.options.kernel_size, 1);
  return {o * pick(c.options.stride, kernel) - pick(c.options.padding, 0), kernel, pick(c.options.dilation, 1)};
}

// fn(plane, output index, list of input indices within the plane, padded count): as PyTorch's loops.
template <class Fn>
void each_window(const Case& c, const Shape& out, Fn fn) {
  const int rank = c.x.size() - 2;
  int64_t in3[3] = {1, 1, 1}, out3[3] = {1, 1, 1};
  for (int d = 0; d < rank; ++d) {
    in3[3 - rank + d] = c.x[d + 2];
    out3[3 - rank + d] = out[d + 2];
  }
  const int64_t volume = out3[0] * out3[1] * out3[2];
  for (int64_t plane = 0; plane < c.x[0] * c.x[1]; ++plane)
    for (int64_t p = 0; p < volume; ++p) {
      const int64_t at[3] = {p / out3[2] / out3[1], p / out3[2] % out3[1], p % out3[2]};
      std::vector<int64_t> inputs = {0};
      double padded = 1;
      for (int a = 0; a < 3; ++a) {
        const int d = a - (3 - rank);
        const Window w = d < 0 ? Window{0, 1, 1} : window(c, d, at[a], in3[a], out3[a]);
        std::vector<int64_t> next;
        int64_t count = 0;
        const int64_t pad = d < 0 || c.options.padding.empty() ? 0
                            : c.options.padding.size() == 1    ? c.options.padding[0]
                                                               : c.options.padding[d];
        for (int64_t k = 0; k < w.taps; ++k) count += w.first + k * w.step < in3[a] + pad;
        for (int64_t base : inputs)
          for (int64_t k = 0; k < w.taps; ++k) {
            const int64_t i = w.first + k * w.step;
            if (i >= 0 && i < in3[a]) next.push_back(base * in3[a] + i);
          }
        inputs = next;
        padded *= static_cast<double>(count);
      }
      fn(plane * in3[0] * in3[1] * in3[2], plane * volume + p, inputs, padded);
    }
}

Tensor gradient(const Tensor& output, const Tensor& input, const Tensor& seed, bool create_graph) {
  return grad({&output, 1}, {&input, 1}, {&seed, 1}, {.create_graph = create_graph})[0];
}

void check(const Case& c, DType dtype, bool channels_last, double tolerance) {
  Tensor x = filled(c.x, 1, dtype);
  if (channels_last && x.dim() > 3) x = x.contiguous(MemoryFormat::channels_last);
  for (bool max : {true, false}) {
    if (!max && !c.options.dilation.empty()) continue;
    Tensor leaf = x.detach().set_requires_grad();
    const Tensor out = max ? run_max(c, leaf) : run_avg(c, leaf);
    Tensor seed = filled(out.sizes(), 2, dtype).set_requires_grad();
    const Tensor dx = gradient(out, leaf, seed, true);
    const Tensor second_seed = filled(c.x, 3, dtype);
    const Tensor second = gradient(dx, seed, second_seed, false);

    const V xv = x.to_vector<double>(), gv = seed.to_vector<double>(), sv = second_seed.to_vector<double>();
    V y(gv.size()), gx(xv.size()), gg(gv.size());
    each_window(c, out.sizes(), [&](int64_t plane, int64_t o, const std::vector<int64_t>& inputs, double padded) {
      const size_t to = static_cast<size_t>(o);
      if (max) {
        size_t best = static_cast<size_t>(plane + inputs[0]);
        for (int64_t i : inputs)
          if (xv[static_cast<size_t>(plane + i)] > xv[best]) best = static_cast<size_t>(plane + i);
        y[to] = xv[best];
        gx[best] += gv[to];
        gg[to] = sv[best];
      } else {
        const double divisor =
            c.options.count_include_pad && c.adaptive.empty() ? padded : static_cast<double>(inputs.size());
        for (int64_t i : inputs) {
          const size_t from = static_cast<size_t>(plane + i);
          y[to] += xv[from] / divisor;
          gx[from] += gv[to] / divisor;
          gg[to] += sv[from] / divisor;
        }
      }
    });
    const auto near = [&](const Tensor& actual, const V& expected, const char* what) {
      const V values = actual.to_vector<double>();
      ASSERT_EQ(values.size(), expected.size());
      for (size_t i = 0; i < values.size(); ++i)
        ASSERT_NEAR(values[i], expected[i], tolerance) << what << (max ? " of max" : " of avg") << " at " << i;
    };
    near(out, y, "result");
    near(dx, gx, "gradient");
    near(second, gg, "gradient of the gradient");
    if (channels_last && x.dim() > 3) {
      EXPECT_TRUE(out.is_contiguous(MemoryFormat::channels_last));
      EXPECT_TRUE(dx.is_contiguous(MemoryFormat::channels_last));
    }
  }
}

const Case kCases[] = {
    {"two_by_two", {2, 5, 6, 8}, {.kernel_size = {2}}},
    {"wide_channels", {2, 83, 6, 6}, {.kernel_size = {2}}},
    {"odd", {2, 64, 7, 9}, {.kernel_size = {2}}},
    {"overlapping", {2, 20, 9, 9}, {.kernel_size = {3}, .stride = {2}, .padding = {1}}},
    {"without_padding_in_the_count", {2, 3, 9, 9}, {.kernel_size = {3}, .padding = {1}, .count_include_pad = false}},
    {"ceil", {1, 3, 8, 10}, {.kernel_size = {3}, .stride = {2}, .ceil_mode = true}},
    {"ceil_padded", {1, 3, 8, 7}, {.kernel_size = {3, 2}, .stride = {2, 3}, .padding = {1, 1}, .ceil_mode = true}},
    {"dilated", {1, 3, 11, 12}, {.kernel_size = {3}, .stride = {1, 2}, .padding = {1}, .dilation = {2}}},
    {"gaps", {1, 3, 11, 12}, {.kernel_size = {2}, .stride = {4}}},
    {"large_window", {1, 2, 20, 20}, {.kernel_size = {17}, .stride = {3}}},
    {"one_dimension", {2, 3, 12}, {.kernel_size = {3}, .stride = {2}, .padding = {1}}},
    {"three_dimensions", {2, 17, 4, 6, 5}, {.kernel_size = {2, 3, 2}, .stride = {2, 1, 2}, .padding = {1, 1, 0}}},
    {"adaptive", {2, 18, 7, 9}, {}, {3, 4}},
    {"adaptive_up", {2, 3, 3, 2}, {}, {5}},
    {"global", {2, 70, 7, 7}, {}, {1}},
    {"adaptive_one_dimension", {2, 3, 10}, {}, {3}},
    {"adaptive_three_dimensions", {1, 3, 4, 5, 6}, {}, {2, 3, 6}},
    {"empty_batch", {0, 3, 6, 6}, {.kernel_size = {2}}},
};
class PoolCases : public testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(All, PoolCases, testing::ValuesIn(kCases), [](const auto& test) { return test.param.name; });
TEST_P(PoolCases, F64) { check(GetParam(), DType::f64, false, 1e-12); }
TEST_P(PoolCases, F64ChannelsLast) { check(GetParam(), DType::f64, true, 1e-12); }
TEST_P(PoolCases, F32) { check(GetParam(), DType::f32, false, 2e-6); }
TEST_P(PoolCases, F32ChannelsLast) { check(GetParam(), DType::f32, true, 2e-6); }
TEST_P(PoolCases, BF16ChannelsLast) { check(GetParam(), DType::bf16, true, 4e-2); }
TEST_P(PoolCases, F16) { check(GetParam(), DType::f16, false, 4e-3); }

TEST(Pool, NaNWins) {
  const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  const Tensor x = tensor(V{1, nan, inf, 2, -inf, -inf, -inf, -inf}, {1, 1, 2, 4});
  const V out = max_pool2d(x.to(DType::f32), {.kernel_size = {1, 2}}).to_vector<double>();
  EXPECT_TRUE(std::isnan(out[0]));
  EXPECT_EQ(out[1], inf);
  EXPECT_EQ(out[2], -inf);
}

TEST(Pool, WithoutBatch) {
  EXPECT_EQ(max_pool2d(filled({3, 6, 6}, 1), {.kernel_size = {2}}).sizes(), (Shape{3, 3, 3}));
  EXPECT_EQ(adaptive_avg_pool2d(filled({3, 6, 6}, 1), {2, -1}).sizes(), (Shape{3, 2, 6}));
}

template <class E, class Fn>
void expect_error(Fn&& fn, const char* text) {
  try {
    fn();
    FAIL() << "no error; expected: " << text;
  } catch (const E& error) {
    EXPECT_STREQ(error.what(), text);
  }
}

TEST(Pool, Errors) {
  const Tensor x = filled({2, 3, 5, 5}, 1);
  expect_error<ShapeError>([&] { max_pool1d(x, {.kernel_size = {2}}); },
                           "max_pool1d: x must have 3 dimensions (or 2 without N), got 4 (x: f32 [2, 3, 5, 5] cpu)");
  expect_error<DTypeError>([&] { avg_pool2d(x.to(DType::i32), {.kernel_size = {2}}); },
                           "avg_pool2d: x must be floating, got i32 (x: i32 [2, 3, 5, 5] cpu)");
  expect_error<ValueError>([&] { max_pool2d(x, {}); }, "max_pool2d: kernel_size must be given, got []");
  expect_error<ValueError>([&] { max_pool2d(x, {.kernel_size = {0}}); },
                           "max_pool2d: kernel_size must be at least 1, got [0]");
  expect_error<ValueError>(
      [&] {
        max_pool2d(x, {.kernel_size = {2}, .stride = {0, 1}});
      },
      "max_pool2d: stride must be at least 1, got [0, 1]");
  expect_error<ValueError>(
      [&] {
        max_pool2d(x, {.kernel_size = {2, 3}, .padding = {2}});
      },
      "max_pool2d: padding must be at most half of kernel_size [2, 3], got [2, 2]");
  expect_error<ShapeError>([&] { max_pool2d(x, {.kernel_size = {3}, .dilation = {4}}); },
                           "max_pool2d: window must fit into the padded input, got extent 9 over 5 in dimension 2 (x: "
                           "f32 [2, 3, 5, 5] cpu)");
  expect_error<ValueError>([&] { avg_pool2d(x, {.kernel_size = {2}, .dilation = {2}}); },
                           "avg_pool2d: dilation must be empty, got [2]");
  expect_error<ValueError>(
      [&] {
        adaptive_avg_pool2d(x, {1, 2, 3});
      },
      "adaptive_avg_pool2d: output_size must have 1 or 2 entries, got [1, 2, 3]");
  expect_error<ShapeError>(
      [&] {
        adaptive_max_pool2d(filled({2, 3, 0, 5}, 1), {2});
      },
      "adaptive_max_pool2d: x must not be empty in dimension 2, got 0 (x: f32 [2, 3, 0, 5] cpu)");
}

}  // namespace
}  // namespace farro
