// Convolutions against a plain double-precision reference, every variant and layout, and the texts of their errors.
#include <farro/autograd/engine/engine.h>
#include <farro/core/op/op.h>
#include <farro/core/util/parallel.h>
#include <farro/kernels/conv/conv.h>
#include <farro/kernels/pointwise/arithmetic.h>
#include <farro/kernels/pointwise/factories.h>

#include <gtest/gtest.h>

#include <cmath>

namespace farro {
namespace {

using V = std::vector<double>;

// Values in [-1, 1) that repeat nowhere near.
Tensor filled(const Shape& sizes, uint32_t seed, DType dtype = DType::f32) {
  V values(static_cast<size_t>(checked_numel("test", sizes)));
  uint32_t state = seed * 2654435761u + 12345u;
  for (double& value : values) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<double>(static_cast<float>(state >> 8) / 8388608.0f - 1.0f);
  }
  return tensor(values, sizes).to(dtype);
}

struct Case {
  const char* name;
  Shape x, weight;
  ConvOptions options;
};

std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name; }

// Sizes, options and contents as [N, C, D, H, W] with leading ones.
struct Reference {
  int64_t n, c, o, groups, in[3], out[3], k[3], stride[3], pad[3], dil[3];

  Reference(const Case& test, const Shape& out_sizes)
      : n(test.x[0]), c(test.x[1]), o(test.weight[0]), groups(test.options.groups) {
    const int rank = test.x.size() - 2;
    const auto pick = [](const Dims& dims, int i, int64_t fallback) {
      return dims.empty() ? fallback : dims.size() == 1 ? dims[0] : dims[i];
    };
    for (int d = 0; d < 3; ++d) {
      const int i = d - (3 - rank);
      in[d] = i < 0 ? 1 : test.x[i + 2];
      out[d] = i < 0 ? 1 : out_sizes[i + 2];
      k[d] = i < 0 ? 1 : test.weight[i + 2];
      stride[d] = i < 0 ? 1 : pick(test.options.stride, i, 1);
      dil[d] = i < 0 ? 1 : pick(test.options.dilation, i, 1);
      pad[d] = i < 0 ? 0 : pick(test.options.padding, i, 0);
      if (test.options.same_padding && i >= 0) pad[d] = dil[d] * (k[d] - 1) / 2;
    }
  }

  // fn(index in x, in weight, in out, output channel) for every product of the sum.
  template <class Fn>
  void each(Fn fn) const {
    const int64_t cg = c / groups, og = o / groups;
    for (int64_t b = 0; b < n; ++b)
      for (int64_t oc = 0; oc < o; ++oc)
        for (int64_t p = 0; p < out[0] * out[1] * out[2]; ++p)
          for (int64_t ic = 0; ic < cg; ++ic)
            for (int64_t t = 0; t < k[0] * k[1] * k[2]; ++t) {
              const int64_t at[3] = {p / out[2] / out[1], p / out[2] % out[1], p % out[2]};
              const int64_t tap[3] = {t / k[2] / k[1], t / k[2] % k[1], t % k[2]};
              int64_t from[3];
              bool inside = true;
              for (int d = 0; d < 3; ++d) {
                from[d] = at[d] * stride[d] - pad[d] + tap[d] * dil[d];
                inside = inside && from[d] >= 0 && from[d] < in[d];
              }
              if (!inside) continue;
              const int64_t xc = oc / og * cg + ic;
              fn(static_cast<size_t>((((b * c + xc) * in[0] + from[0]) * in[1] + from[1]) * in[2] + from[2]),
                 static_cast<size_t>((oc * cg + ic) * k[0] * k[1] * k[2] + t),
                 static_cast<size_t>((b * o + oc) * out[0] * out[1] * out[2] + p), static_cast<size_t>(oc));
            }
  }
};

// |a - b| within `tolerance` times the size of the sums.
void expect_near(const V& actual, const V& expected, double tolerance, const char* what) {
  ASSERT_EQ(actual.size(), expected.size()) << what;
  double scale = 1;
  for (double value : expected) scale = std::max(scale, std::abs(value));
  for (size_t i = 0; i < actual.size(); ++i)
    ASSERT_NEAR(actual[i], expected[i], tolerance * scale) << what << " at " << i;
}

Tensor run(const Case& test, const Tensor& x, const Tensor& weight, const Tensor& bias) {
  switch (test.x.size()) {
    case 3:
      return conv1d(x, weight, bias, test.options);
    case 4:
      return conv2d(x, weight, bias, test.options);
    default:
      return conv3d(x, weight, bias, test.options);
  }
}

// Result and all gradients of one convolution against the reference.
void check(const Case& test, DType dtype, bool channels_last, double tolerance) {
  Tensor x = filled(test.x, 1, dtype), weight = filled(test.weight, 2, dtype),
         bias = filled({test.weight[0]}, 3, dtype);
  if (channels_last && test.x.size() > 3) x = x.contiguous(MemoryFormat::channels_last);
  x.set_requires_grad();
  weight.set_requires_grad();
  bias.set_requires_grad();
  const Tensor out = run(test, x, weight, bias);
  const Tensor grad = filled(out.sizes(), 4, dtype);
  out.backward(grad);

  const Reference ref(test, out.sizes());
  const V xv = x.to_vector<double>(), wv = weight.to_vector<double>(), bv = bias.to_vector<double>(),
          gv = grad.to_vector<double>();
  V y(gv.size()), gx(xv.size()), gw(wv.size()), gb(bv.size());
  const size_t pixels = y.empty() ? 1 : y.size() / static_cast<size_t>(ref.n * ref.o);
  for (size_t i = 0; i < y.size(); ++i) {
    y[i] = bv[i / pixels % bv.size()];
    gb[i / pixels % bv.size()] += gv[i];
  }
  ref.each([&](size_t xi, size_t wi, size_t yi, size_t) {
    y[yi] += xv[xi] * wv[wi];
    gx[xi] += gv[yi] * wv[wi];
    gw[wi] += gv[yi] * xv[xi];
  });
  expect_near(out.to_vector<double>(), y, tolerance, "result");
  expect_near(x.grad().to_vector<double>(), gx, tolerance, "gradient of x");
  expect_near(weight.grad().to_vector<double>(), gw, tolerance, "gradient of weight");
  expect_near(bias.grad().to_vector<double>(), gb, tolerance, "gradient of bias");
}

const Case kCases[] = {
    {"plain", {2, 3, 7, 8}, {5, 3, 3, 3}, {}},
    {"padded", {2, 3, 7, 8}, {5, 3, 3, 3}, {.padding = {1}}},
    {"wide", {3, 32, 14, 14}, {64, 32, 3, 3}, {.padding = {1}}},
    {"first_layer", {4, 1, 28, 28}, {32, 1, 3, 3}, {.padding = {1}}},
    {"first_layer_unpadded", {4, 1, 28, 28}, {32, 1, 3, 3}, {}},
    {"rgb", {2, 3, 17, 19}, {64, 3, 7, 7}, {.stride = {2}, .padding = {3}}},
    {"pointwise", {2, 16, 9, 5}, {40, 16, 1, 1}, {}},
    {"pointwise_strided", {2, 16, 9, 5}, {48, 16, 1, 1}, {.stride = {2}}},
    {"strided", {2, 4, 9, 11}, {6, 4, 3, 2}, {.stride = {2, 3}, .padding = {1, 0}}},
    {"dilated", {1, 4, 12, 13}, {6, 4, 3, 3}, {.padding = {2}, .dilation = {2, 3}}},
    {"groups", {2, 6, 8, 8}, {4, 3, 3, 3}, {.padding = {1}, .groups = 2}},
    {"wide_groups", {2, 32, 8, 8}, {64, 16, 3, 3}, {.padding = {1}, .groups = 2}},
    {"depthwise", {2, 32, 10, 9}, {32, 1, 3, 3}, {.padding = {1}, .groups = 32}},
    {"depthwise_odd", {2, 19, 10, 9}, {19, 1, 5, 3}, {.stride = {2}, .padding = {2, 1}, .groups = 19}},
    {"depthwise_multiplier", {2, 5, 8, 8}, {10, 1, 3, 3}, {.groups = 5}},
    {"same", {2, 3, 8, 9}, {4, 3, 4, 2}, {.same_padding = true}},
    {"same_dilated", {2, 3, 8, 9}, {4, 3, 4, 3}, {.dilation = {1, 2}, .same_padding = true}},
    {"much_work", {32, 32, 14, 14}, {64, 32, 3, 3}, {.padding = {1}}},
    {"one_pixel", {2, 20, 1, 1}, {33, 20, 1, 1}, {}},
    {"whole_window", {3, 8, 4, 4}, {10, 8, 4, 4}, {}},
    {"empty_batch", {0, 3, 7, 8}, {5, 3, 3, 3}, {}},
    {"one_dimension", {2, 6, 20}, {8, 6, 5}, {.stride = {2}, .padding = {2}}},
    {"one_dimension_groups", {2, 6, 20}, {6, 1, 3}, {.dilation = {2}, .same_padding = true, .groups = 6}},
    {"three_dimensions", {2, 4, 5, 6, 7}, {20, 4, 3, 2, 3}, {.stride = {1, 2, 1}, .padding = {1, 0, 1}}},
    {"three_dimensions_groups", {1, 4, 4, 4, 4}, {8, 2, 3, 3, 3}, {.padding = {1}, .groups = 2}},
};

class ConvCases : public testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(All, ConvCases, testing::ValuesIn(kCases), [](const auto& test) { return test.param.name; });

TEST_P(ConvCases, F64) { check(GetParam(), DType::f64, false, 1e-13); }
TEST_P(ConvCases, F32) { check(GetParam(), DType::f32, false, 3e-6); }
TEST_P(ConvCases, F32ChannelsLast) { check(GetParam(), DType::f32, true, 3e-6); }
TEST_P(ConvCases, BF16) { check(GetParam(), DType::bf16, true, 8e-3); }
TEST_P(ConvCases, F16) { check(GetParam(), DType::f16, false, 1e-3); }

// Forces one variant of all three ops for a scope.
struct Forced {
  explicit Forced(const char* variant) { set(variant); }
  ~Forced() { set("auto"); }
  static void set(const char* variant) {
    for (const char* op : {"conv", "conv_backward_data", "conv_backward_filter"}) set_variant(op, variant);
  }
};
TEST_P(ConvCases, GenericF32) {
  const Forced forced("generic");
  check(GetParam(), DType::f32, false, 3e-6);
}

// All results of one convolution, one after another.
V everything(const Case& test) {
  Tensor x = filled(test.x, 1).set_requires_grad(), weight = filled(test.weight, 2).set_requires_grad(),
         bias = filled({test.weight[0]}, 3).set_requires_grad();
  const Tensor out = run(test, x, weight, bias);
  out.backward(filled(out.sizes(), 4));
  V all;
  for (const Tensor& t : {out, x.grad(), weight.grad(), bias.grad()}) {
    const V values = t.to_vector<double>();
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

TEST_P(ConvCases, DoesNotDependOnThreads) {
  const int before = num_threads();
  set_num_threads(1);
  const V one = everything(GetParam());
  set_num_threads(2);
  EXPECT_EQ(everything(GetParam()), one);
  set_num_threads(before);
}

TEST(Conv, WithoutBatch) {
  const Tensor x = filled({3, 6, 6}, 1), w = filled({4, 3, 3, 3}, 2);
  const Tensor out = conv2d(x, w);
  EXPECT_EQ(out.sizes(), (Shape{4, 4, 4}));
  EXPECT_EQ(out.to_vector<double>(), conv2d(x.unsqueeze(0), w).to_vector<double>());
}

TEST(Conv, ResultIsChannelsLast) {
  const Tensor out = conv2d(filled({2, 3, 6, 6}, 1), filled({4, 3, 3, 3}, 2));
  EXPECT_TRUE(out.is_contiguous(MemoryFormat::channels_last));
}

TEST(Conv, TransposeIsTheAdjoint) {
  // <conv(x, w), y> = <x, conv_transpose(y, w)>.
  const Tensor x = filled({2, 4, 9, 10}, 1, DType::f64), w = filled({6, 2, 3, 3}, 2, DType::f64);
  const ConvOptions options{.stride = {2}, .padding = {1}, .groups = 2};
  const Tensor forward = conv2d(x, w, {}, options);
  const Tensor y = filled(forward.sizes(), 3, DType::f64);
  const Tensor back =
      conv_transpose2d(y, w, {}, {.stride = {2}, .padding = {1}, .output_padding = {0, 1}, .groups = 2});
  ASSERT_EQ(back.sizes(), x.sizes());
  const auto dot = [](const Tensor& a, const Tensor& b) {
    double sum = 0;
    for (double value : (a * b).to_vector<double>()) sum += value;
    return sum;
  };
  EXPECT_NEAR(dot(forward, y), dot(x, back), 1e-12);
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

TEST(Conv, Errors) {
  const Tensor x = filled({2, 4, 5, 5}, 1), w = filled({6, 4, 3, 3}, 2);
  expect_error<ShapeError>(
      [&] {
        conv2d(filled({4, 5}, 1), w);
      },
      "conv2d: x must have 4 dimensions [N, C, H, W] (or 3 without N), got 2 (x: f32 [4, 5] cpu)");
  expect_error<ShapeError>(
      [&] {
        conv1d(filled({2, 4, 5}, 1), w);
      },
      "conv1d: weight must have 3 dimensions [O, C / groups, K], got 4 (weight: f32 [6, 4, 3, 3] cpu)");
  expect_error<ShapeError>(
      [&] {
        conv2d(filled({2, 3, 5, 5}, 1), w);
      },
      "conv2d: x must have 4 channels (weight's 4 x groups 1), got 3 (x: [2, 3, 5, 5], weight: [6, 4, 3, 3])");
  expect_error<ShapeError>(
      [&] {
        conv2d(x, filled({5, 2, 3, 3}, 2), {}, {.groups = 2});
      },
      "conv2d: weight's output channels must be divisible by groups (2), got 5 (weight: [5, 2, 3, 3])");
  expect_error<ShapeError>(
      [&] { conv2d(x, w, {}, {.dilation = {3}}); },
      "conv2d: kernel must fit into the padded input, got extent 7 over 5 in dimension 2 (x: [2, 4, 5, 5], "
      "weight: [6, 4, 3, 3])");
  expect_error<ShapeError>([&] { conv2d(x, w, filled({4}, 3)); },
                           "conv2d: bias must have sizes [6], got [4] (bias: f32 [4] cpu)");
  expect_error<ValueError>([&] { conv2d(x, w, {}, {.stride = {0}}); }, "conv2d: stride must be at least 1, got [0]");
  expect_error<ValueError>(
      [&] {
        conv2d(x, w, {}, {.padding = {-1, 0}});
      },
      "conv2d: padding must be at least 0, got [-1, 0]");
  expect_error<ValueError>(
      [&] {
        conv2d(x, w, {}, {.stride = {1, 1, 1}});
      },
      "conv2d: stride must have 1 or 2 entries, got [1, 1, 1]");
  expect_error<ValueError>([&] { conv2d(x, w, {}, {.groups = 0}); }, "conv2d: groups must be at least 1, got 0");
  expect_error<ValueError>([&] { conv2d(x, w, {}, {.stride = {2}, .same_padding = true}); },
                           "conv2d: stride must be 1 with same_padding, got [2, 2]");
  expect_error<ValueError>([&] { conv2d(x, w, {}, {.padding = {1}, .same_padding = true}); },
                           "conv2d: padding must be empty with same_padding, got [1]");
  expect_error<DTypeError>([&] { conv2d(x.to(DType::i64), w); },
                           "conv2d: x must be floating, got i64 (x: i64 [2, 4, 5, 5] cpu)");
  expect_error<DTypeError>([&] { conv2d(x, w.to(DType::f64)); },
                           "conv2d: weight must have the dtype of x (f32), got f64 (weight: f64 [6, 4, 3, 3] cpu)");
}

}  // namespace
}  // namespace farro
