// SPDX-License-Identifier: Apache-2.0
// Samples of kernels/conv/conv.h.
#include <farro/kernels/conv/conv.h>
#include <farro/kernels/conv/conv.op.h>
#include <farro/kernels/memory/factories.h>
#include <farro/tests/opcheck/sample.h>

namespace farro::opcheck {

namespace {

// Size of the partial sums of some hundred products of either sign. Winograd's form adds up products at its points: with
// a filter of one sign, as the gradients' checks have it (0.5 to 1.5), those at 11/16 are 6 times as large.
constexpr double kPartialSums = 30, kWinogradSums = 120;

struct Problem {
  std::string label;
  Shape x, weight;
  ConvOptions options = {};
  double partial_sums = kPartialSums;
};

int64_t option(const Dims& dims, int d, int64_t fallback) {
  return dims.empty() ? fallback : dims.size() == 1 ? dims[0] : dims[d];
}
int64_t pad_before(const Problem& p, int d) {
  if (!p.options.same_padding) return option(p.options.padding, d, 0);
  return option(p.options.dilation, d, 1) * (p.weight[d + 2] - 1) / 2;
}

Shape result_sizes(const Problem& p) {
  Shape sizes{p.x[0], p.weight[0]};
  for (int d = 0; d < p.x.size() - 2; ++d) {
    const int64_t extent = option(p.options.dilation, d, 1) * (p.weight[d + 2] - 1) + 1;
    sizes.push_back(p.options.same_padding
                        ? p.x[d + 2]
                        : (p.x[d + 2] + 2 * pad_before(p, d) - extent) / option(p.options.stride, d, 1) + 1);
  }
  return sizes;
}

// fn(index in the result, in x, in the weight) for every product that a convolution sums up.
template <class Fn>
void for_each_product(const Problem& p, Fn fn) {
  Shape taps = p.weight;
  taps[0] = 1;
  for_each_index(result_sizes(p), [&](const Dims& out) {
    for_each_index(taps, [&](const Dims& tap) {
      Dims weight = tap, x = out;
      weight[0] = out[1];
      x[1] = out[1] / (p.weight[0] / p.options.groups) * p.weight[1] + tap[1];
      for (int d = 0; d < x.size() - 2; ++d) {
        x[d + 2] = out[d + 2] * option(p.options.stride, d, 1) - pad_before(p, d) + tap[d + 2] * option(p.options.dilation, d, 1);
        if (x[d + 2] < 0 || x[d + 2] >= p.x[d + 2]) return;
      }
      fn(out, x, weight);
    });
  });
}

Tensor run_conv(const Problem& p, const Tensor& x, const Tensor& weight, const Tensor& bias) {
  return p.x.size() == 3   ? conv1d(x, weight, bias, p.options)
         : p.x.size() == 4 ? conv2d(x, weight, bias, p.options)
                           : conv3d(x, weight, bias, p.options);
}

Sample forward_sample(const Problem& p) {
  const bool bias = p.label != "without bias";
  return {.label = p.label,
          .inputs = {in(p.x), in(p.weight), bias ? in({p.weight[0]}) : absent()},
          .run = [p](const Tensor& x, const Tensor& weight, const Tensor& b) { return run_conv(p, x, weight, b); },
          .reference = Reference([p, bias]<class T>(const Arrays<T>& arrays) {
            NdArray<T> out(result_sizes(p));
            if (bias) for_each_index(out.sizes, [&](const Dims& at) { out.at(at) = arrays[2](at[1]); });
            for_each_product(p, [&](const Dims& to, const Dims& x, const Dims& weight) {
              out.at(to) += arrays[0].at(x) * arrays[1].at(weight);
            });
            return out;
          })};
}

Sample backward_data_sample(const Problem& p) {
  return {.label = p.label,
          .inputs = {in(result_sizes(p)), in(p.weight)},
          .run = [p](const Tensor& grad, const Tensor& weight) { return conv_backward_data(grad, weight, p.x, p.options); },
          .reference = Reference([p]<class T>(const Arrays<T>& arrays) {
            NdArray<T> out(p.x);
            for_each_product(p, [&](const Dims& from, const Dims& x, const Dims& weight) {
              out.at(x) += arrays[0].at(from) * arrays[1].at(weight);
            });
            return out;
          })};
}

Sample backward_filter_sample(const Problem& p, bool bias) {
  return {.label = str(p.label, bias ? ", with bias" : ""),
          .inputs = {in(result_sizes(p)), in(p.x)},
          .run =
              [p, bias](const Tensor& grad, const Tensor& x) {
                auto [weight, sum] = conv_backward_filter(grad, x, p.weight, bias, p.options);
                return bias ? Tensors{weight, sum} : Tensors{weight};
              },
          .reference = Reference([p, bias]<class T>(const Arrays<T>& arrays) {
            NdArray<T> weight(p.weight), sum({p.weight[0]});
            for_each_product(p, [&](const Dims& from, const Dims& x, const Dims& to) {
              weight.at(to) += arrays[0].at(from) * arrays[1].at(x);
            });
            for_each_index(arrays[0].sizes, [&](const Dims& at) { sum(at[1]) += arrays[0].at(at); });
            return bias ? Arrays<T>{weight, sum} : Arrays<T>{weight};
          }),
          .zeros = p.x[0] == 0};
}

const std::vector<Problem>& problems() {
  static const std::vector<Problem> list = {
      {"plain", {2, 3, 5, 4}, {4, 3, 3, 2}},
      {"padded", {1, 2, 4, 5}, {3, 2, 3, 3}, {.padding = {1}}},
      {"without bias", {1, 2, 4, 4}, {2, 2, 3, 3}},
      {"strided", {1, 2, 7, 6}, {3, 2, 3, 2}, {.stride = {2, 3}, .padding = {1, 0}}},
      {"dilated", {1, 2, 7, 8}, {2, 2, 3, 3}, {.padding = {2}, .dilation = {2, 3}}},
      {"groups", {2, 4, 4, 4}, {6, 2, 3, 3}, {.padding = {1}, .groups = 2}},
      {"depthwise", {1, 5, 5, 4}, {5, 1, 3, 3}, {.padding = {1}, .groups = 5}},
      {"depthwise, two each", {1, 3, 4, 4}, {6, 1, 2, 2}, {.groups = 3}},
      {"same padding", {1, 2, 5, 4}, {2, 2, 4, 3}, {.same_padding = true}},
      {"same padding, dilated", {1, 2, 5, 6}, {2, 2, 2, 3}, {.dilation = {3, 2}, .same_padding = true}},
      {"1 x 1", {2, 4, 3, 3}, {5, 4, 1, 1}},
      {"one value", {1, 1, 1, 1}, {1, 1, 1, 1}},
      {"window as large as x", {2, 3, 3, 4}, {4, 3, 3, 4}},
      {"padding larger than x", {1, 1, 1, 2}, {2, 1, 3, 3}, {.padding = {3}}},
      {"empty batch", {0, 2, 4, 4}, {3, 2, 3, 3}},
      {"one dimension", {2, 3, 9}, {4, 3, 3}, {.stride = {2}, .padding = {1}}},
      {"one dimension, depthwise", {2, 3, 8}, {3, 1, 3}, {.dilation = {2}, .same_padding = true, .groups = 3}},
      {"three dimensions", {1, 2, 3, 4, 3}, {3, 2, 2, 3, 2}, {.stride = {1, 2, 1}, .padding = {1, 0, 1}}},
      {"three dimensions, groups", {1, 4, 3, 3, 3}, {4, 2, 3, 3, 3}, {.padding = {1}, .groups = 2}},
  };
  return list;
}

// Whole vectors of channels, for the fast variants: too many values to take gradients one by one, and f64 has the plain
// loops only. A batch that is cut into parts is in tests/kernels/conv_test.cpp: its reference would take seconds.
const std::vector<Problem>& large_problems() {
  static const std::vector<Problem> list = {
      {"wide", {2, 32, 8, 8}, {64, 32, 3, 3}, {.padding = {1}}, kWinogradSums},
      {"odd sizes, wide", {3, 20, 7, 9}, {37, 20, 3, 3}, {.padding = {1}}},
      {"first layer", {3, 1, 14, 14}, {32, 1, 3, 3}, {.padding = {1}}},
      {"first layer, unpadded", {2, 3, 12, 11}, {16, 3, 5, 5}, {}},
      {"wide, depthwise", {2, 48, 7, 6}, {48, 1, 3, 3}, {.padding = {1}, .groups = 48}},
      {"tiles", {1, 64, 9, 9}, {70, 64, 3, 3}, {.padding = {1}}, kWinogradSums},
      {"tiles, unpadded", {3, 67, 7, 6}, {64, 67, 3, 3}, {}, kWinogradSums},
      {"tiles, padded by 2", {1, 64, 7, 7}, {64, 64, 3, 3}, {.padding = {2}}, kWinogradSums},
      {"tiles for AVX2", {1, 97, 7, 7}, {100, 97, 3, 3}, {.padding = {2}}, kWinogradSums},
  };
  return list;
}

// For the gradient of the filter, which the variant `winograd` takes from 64 tiles of 2 x 2 on.
const std::vector<Problem>& filter_problems() {
  static const std::vector<Problem> list = {
      {"many tiles", {2, 37, 12, 11}, {32, 37, 3, 3}, {.padding = {1}}},
      {"many tiles, unpadded", {3, 32, 12, 11}, {33, 32, 3, 3}},
      {"many tiles, padded by 2", {1, 32, 14, 15}, {32, 32, 3, 3}, {.padding = {2}}},
  };
  return list;
}

Sample large(const Problem& p, Sample sample) {
  sample.grad = Grad::none;
  sample.cancelling = p.partial_sums;
  sample.dtypes = dtype_set({DType::f32, DType::bf16});
  return sample;
}

}  // namespace

void samples_conv(SampleSink& sink);
void samples_conv(SampleSink& sink) {
  for (const Problem& p : problems()) {
    sink.add("conv", forward_sample(p));
    sink.add("conv_backward_data", backward_data_sample(p));
    sink.add("conv_backward_filter", backward_filter_sample(p, false));
    sink.add("conv_backward_filter", backward_filter_sample(p, true));
  }
  for (const Problem& p : large_problems()) {
    sink.add("conv", large(p, forward_sample(p)));
    sink.add("conv_backward_data", large(p, backward_data_sample(p)));
    sink.add("conv_backward_filter", large(p, backward_filter_sample(p, true)));
  }
  for (const Problem& p : filter_problems()) sink.add("conv_backward_filter", large(p, backward_filter_sample(p, true)));

  const auto x = [] { return zeros({2, 4, 5, 5}); };
  const auto w = [] { return zeros({6, 4, 3, 3}); };
  sink.error<ShapeError>(
      "conv", [w] { return conv2d(zeros({4, 5}), w()); },
      "conv2d: x must have 4 dimensions [N, C, H, W] (or 3 without N), got 2 (x: f32 [4, 5] cpu)");
  sink.error<ShapeError>(
      "conv", [w] { return conv1d(zeros({2, 4, 5}), w()); },
      "conv1d: weight must have 3 dimensions [O, C / groups, K], got 4 (weight: f32 [6, 4, 3, 3] cpu)");
  sink.error<ShapeError>(
      "conv", [w] { return conv2d(zeros({2, 3, 5, 5}), w()); },
      "conv2d: x must have 4 channels (weight's 4 x groups 1), got 3 (x: [2, 3, 5, 5], weight: [6, 4, 3, 3])");
  sink.error<ShapeError>(
      "conv", [x] { return conv2d(x(), zeros({5, 2, 3, 3}), {}, {.groups = 2}); },
      "conv2d: weight's output channels must be divisible by groups (2), got 5 (weight: [5, 2, 3, 3])");
  sink.error<ShapeError>(
      "conv", [x, w] { return conv2d(x(), w(), {}, {.dilation = {3}}); },
      "conv2d: kernel must fit into the padded input, got extent 7 over 5 in dimension 2 (x: [2, 4, 5, 5], weight: [6, "
      "4, 3, 3])");
  sink.error<ShapeError>(
      "conv", [] { return conv3d(zeros({1, 1, 2, 2, 2}), zeros({1, 1, 0, 1, 1})); },
      "conv3d: weight's kernel sizes must be at least 1, got [1, 1, 0, 1, 1]");
  sink.error<ShapeError>(
      "conv", [x, w] { return conv2d(x(), w(), zeros({4})); },
      "conv2d: bias must have sizes [6], got [4] (bias: f32 [4] cpu)");
  sink.error<ValueError>(
      "conv", [x, w] { return conv2d(x(), w(), {}, {.stride = {0}}); }, "conv2d: stride must be at least 1, got [0]");
  sink.error<ValueError>(
      "conv", [x, w] { return conv2d(x(), w(), {}, {.padding = {-1, 0}}); },
      "conv2d: padding must be at least 0, got [-1, 0]");
  sink.error<ValueError>(
      "conv", [x, w] { return conv2d(x(), w(), {}, {.stride = {1, 1, 1}}); },
      "conv2d: stride must have 1 or 2 entries, got [1, 1, 1]");
  sink.error<ValueError>(
      "conv", [x, w] { return conv2d(x(), w(), {}, {.groups = 0}); }, "conv2d: groups must be at least 1, got 0");
  sink.error<ValueError>(
      "conv", [x, w] { return conv2d(x(), w(), {}, {.stride = {2}, .same_padding = true}); },
      "conv2d: stride must be 1 with same_padding, got [2, 2]");
  sink.error<ValueError>(
      "conv", [x, w] { return conv2d(x(), w(), {}, {.padding = {1}, .same_padding = true}); },
      "conv2d: padding must be empty with same_padding, got [1]");
  sink.error<DTypeError>(
      "conv", [x, w] { return conv2d(x().to(DType::i64), w()); },
      "conv2d: x must be floating, got i64 (x: i64 [2, 4, 5, 5] cpu)");
  sink.error<DTypeError>(
      "conv", [x, w] { return conv2d(x(), w().to(DType::f64)); },
      "conv2d: weight must have the dtype of x (f32), got f64 (weight: f64 [6, 4, 3, 3] cpu)");
  sink.error<DTypeError>(
      "conv", [x, w] { return conv2d(x(), w(), zeros({6}, {.dtype = DType::f64})); },
      "conv2d: bias must have the dtype of x (f32), got f64 (bias: f64 [6] cpu)");

  sink.error<ShapeError>(
      "conv_backward_data", [w] { return conv_backward_data(zeros({2, 6}), w(), {2, 4, 5, 5}); },
      "conv_backward_data: grad must have 3 to 5 dimensions, got 2 (grad: f32 [2, 6] cpu)");
  sink.error<ShapeError>(
      "conv_backward_data", [w] { return conv_backward_data(zeros({2, 6, 3, 3}), w(), {2, 4, 5}); },
      "conv_backward_data: weight and x_sizes must have as many dimensions as grad, got 4 and 3 (grad: f32 [2, 6, 3, 3] "
      "cpu)");
  sink.error<ShapeError>(
      "conv_backward_data", [w] { return conv_backward_data(zeros({2, 6, 3, 4}), w(), {2, 4, 5, 5}); },
      "conv_backward_data: grad must have the sizes of the convolution's result [2, 6, 3, 3], got [2, 6, 3, 4] (grad: "
      "f32 [2, 6, 3, 4] cpu)");
  sink.error<ShapeError>(
      "conv_backward_filter",
      [x] { return conv_backward_filter(zeros({2, 6, 3, 3}), x(), {6, 4, 3}, false); },
      "conv_backward_filter: x and weight_sizes must have as many dimensions as grad, got 4 and 3 (grad: f32 [2, 6, 3, "
      "3] cpu)");
  sink.error<DTypeError>(
      "conv_backward_filter",
      [x] { return conv_backward_filter(zeros({2, 6, 3, 3}), x().to(DType::f64), {6, 4, 3, 3}, false); },
      "conv_backward_filter: x must have the dtype of grad (f32), got f64 (x: f64 [2, 4, 5, 5] cpu)");

  sink.error<ShapeError>(
      "conv_backward_data", [x, w] { return conv_transpose2d(x(), w()); },
      "conv_transpose2d: x must have weight's 6 channels, got 4 (x: f32 [2, 4, 5, 5] cpu, weight: f32 [6, 4, 3, 3] cpu)");
  const auto y = [] { return zeros({1, 6, 4, 4}); };
  sink.error<ShapeError>(
      "conv_backward_data", [] { return conv_transpose2d(zeros({1, 3, 4, 4}), zeros({3, 2, 3, 3}), {}, {.groups = 2}); },
      "conv_transpose2d: weight's input channels must be divisible by groups (2), got 3 (weight: f32 [3, 2, 3, 3] cpu)");
  sink.error<DTypeError>(
      "conv_backward_data", [y, w] { return conv_transpose2d(y().to(DType::i64), w()); },
      "conv_transpose2d: x must be floating, got i64 (x: i64 [1, 6, 4, 4] cpu)");
  sink.error<DTypeError>(
      "conv_backward_data", [y, w] { return conv_transpose2d(y(), w().to(DType::f64)); },
      "conv_transpose2d: weight must have the dtype of x (f32), got f64 (weight: f64 [6, 4, 3, 3] cpu)");
  sink.error<DTypeError>(
      "conv_backward_data", [y, w] { return conv_transpose2d(y(), w(), zeros({4}, {.dtype = DType::f64})); },
      "conv_transpose2d: bias must have the dtype of x (f32), got f64 (bias: f64 [4] cpu)");
  sink.error<ShapeError>(
      "conv_backward_data", [y, w] { return conv_transpose2d(y(), w(), zeros({6})); },
      "conv_transpose2d: bias must have sizes [4], got [6] (bias: f32 [6] cpu)");
  sink.error<ShapeError>(
      "conv_backward_data", [y] { return conv_transpose2d(y(), zeros({6, 4, 0, 3})); },
      "conv_transpose2d: weight's kernel sizes must be at least 1, got f32 [6, 4, 0, 3] cpu");
  sink.error<ShapeError>(
      "conv_backward_data", [w] { return conv_transpose2d(zeros({1, 6, 0, 4}), w()); },
      "conv_transpose2d: x must have at least one element in dimension 2, got f32 [1, 6, 0, 4] cpu");
  sink.error<ValueError>(
      "conv_backward_data",
      [y, w] { return conv_transpose2d(y(), w(), {}, {.stride = {2}, .output_padding = {2}}); },
      "conv_transpose2d: output_padding must be below stride or dilation, got [2, 2]");
  sink.error<ShapeError>(
      "conv_backward_data", [w] { return conv_transpose2d(zeros({1, 6, 1, 4}), w(), {}, {.padding = {2}}); },
      "conv_transpose2d: result must have at least one element in dimension 2, got -1 (x: f32 [1, 6, 1, 4] cpu, weight: "
      "f32 [6, 4, 3, 3] cpu)");
}

}  // namespace farro::opcheck
