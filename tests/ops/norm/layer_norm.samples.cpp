// SPDX-License-Identifier: Apache-2.0
// Samples of kernels/norm/layer_norm.h and of its backward ops.
#include <farro/autograd/call/call.h>
#include <farro/kernels/norm/layer_norm.h>
#include <farro/kernels/norm/layer_norm.op.h>
#include <farro/kernels/memory/factories.h>
#include <farro/tests/opcheck/sample.h>

#include <cmath>

namespace farro::opcheck {

namespace {

constexpr double kEps = 1e-5;

// x, and the rows it consists of.
struct Case {
  Shape sizes, normalized;
  bool scaled = true;
};

int64_t row_length(const Case& c) { return checked_numel("row", c.normalized); }

template <class T>
struct Row {
  T mean = 0, rstd = 0;
};
template <class T>
Row<T> row_of(const NdArray<T>& x, int64_t begin, int64_t n, bool center) {
  Row<T> row;
  T squares = 0;
  for (int64_t i = 0; center && i < n; ++i) row.mean += x.data[static_cast<size_t>(begin + i)] / T(n);
  for (int64_t i = 0; i < n; ++i) {
    const T d = x.data[static_cast<size_t>(begin + i)] - row.mean;
    squares += d * d;
  }
  row.rstd = 1 / std::sqrt(squares / T(n) + T(kEps));
  return row;
}

template <class T>
T element(const NdArray<T>& weight, bool given, int64_t i, T otherwise) {
  return given ? weight.data[static_cast<size_t>(i)] : otherwise;
}

// in: x, weight, bias.
template <bool kCenter, class T>
NdArray<T> forward(const Case& c, const Arrays<T>& in) {
  NdArray<T> y(c.sizes);
  const int64_t n = row_length(c);
  for (int64_t begin = 0; begin < y.numel(); begin += n) {
    const Row<T> row = row_of(in[0], begin, n, kCenter);
    for (int64_t i = 0; i < n; ++i) {
      const auto at = static_cast<size_t>(begin + i);
      y.data[at] = (in[0].data[at] - row.mean) * row.rstd * element(in[1], c.scaled, i, T(1));
      if (kCenter) y.data[at] += element(in[2], c.scaled, i, T(0));
    }
  }
  return y;
}

// in: grad, x, weight; out: grad_x, grad_weight and, where centred, grad_bias.
template <bool kCenter, class T>
Arrays<T> backward(const Case& c, const Arrays<T>& in) {
  NdArray<T> gx(c.sizes), gw(c.normalized), gb(c.normalized);
  const int64_t n = row_length(c);
  for (int64_t begin = 0; begin < gx.numel(); begin += n) {
    const Row<T> row = row_of(in[1], begin, n, kCenter);
    T average = 0, dot = 0;
    const auto u = [&](int64_t i) { return in[0].data[static_cast<size_t>(begin + i)] * element(in[2], c.scaled, i, T(1)); };
    const auto value = [&](int64_t i) { return (in[1].data[static_cast<size_t>(begin + i)] - row.mean) * row.rstd; };
    for (int64_t i = 0; i < n; ++i) {
      const auto at = static_cast<size_t>(i);
      if (kCenter) average += u(i) / T(n);
      dot += u(i) * value(i) / T(n);
      gw.data[at] += in[0].data[static_cast<size_t>(begin + i)] * value(i);
      gb.data[at] += in[0].data[static_cast<size_t>(begin + i)];
    }
    for (int64_t i = 0; i < n; ++i)
      gx.data[static_cast<size_t>(begin + i)] = row.rstd * (u(i) - average - value(i) * dot);
  }
  if (kCenter) return {gx, gw, gb};
  return {gx, gw};
}

Input scale(const Case& c) { return c.scaled ? in(c.normalized) : absent(); }
std::string label(const Case& c) { return str(c.sizes, " over ", c.normalized, c.scaled ? "" : " unscaled"); }

void add_case(SampleSink& sink, const Case& c, Grad grad = Grad::second) {
  const auto dims = static_cast<int64_t>(c.normalized.size());
  // A row of one value is its own mean: its gradient is a difference of equals.
  const bool degenerate = row_length(c) == 1;
  sink.add("layer_norm",
           {.label = label(c),
            .inputs = {in(c.sizes), scale(c), scale(c)},
            .run = [c](const Tensor& x, const Tensor& w,
                       const Tensor& b) { return layer_norm(x, c.normalized, w, b, kEps); },
            .reference = Reference([c](const auto& in) { return forward<true>(c, in); }),
            .grad = grad,
            .zeros = degenerate});
  sink.add("rms_norm", {.label = label(c),
                        .inputs = {in(c.sizes), scale(c)},
                        .run = [c](const Tensor& x, const Tensor& w) { return rms_norm(x, c.normalized, w, kEps); },
                        .reference = Reference([c](const auto& in) { return forward<false>(c, in); }),
                        .grad = grad});
  if (degenerate) return;
  // The statistics come from x as it is; of half types they are those of the forward op.
  sink.add("layer_norm_backward",
           {.label = label(c),
            .inputs = {in(c.sizes), in(c.sizes), scale(c)},
            .run =
                [dims](const Tensor& g, const Tensor& x, const Tensor& w) {
                  const auto forward_out = call<LayerNorm>({x.detach(), Tensor(), Tensor(), dims, kEps});
                  return call<LayerNormBackward>(
                      {g, x, forward_out[1], forward_out[2], w, dims, kEps, true, true, true});
                },
            .reference = Reference([c](const auto& in) { return backward<true>(c, in); }),
            .grad = grad == Grad::none ? Grad::none : Grad::first});
  sink.add("rms_norm_backward",
           {.label = label(c),
            .inputs = {in(c.sizes), in(c.sizes), scale(c)},
            .run =
                [dims](const Tensor& g, const Tensor& x, const Tensor& w) {
                  const auto forward_out = call<RmsNorm>({x.detach(), Tensor(), dims, kEps});
                  return call<RmsNormBackward>({g, x, forward_out[1], w, dims, kEps, true, true});
                },
            .reference = Reference([c](const auto& in) { return backward<false>(c, in); }),
            .grad = grad == Grad::none ? Grad::none : Grad::first});
}

}  // namespace

void samples_layer_norm(SampleSink& sink);
void samples_layer_norm(SampleSink& sink) {
  for (const bool scaled : {true, false}) {
    add_case(sink, {{3, 5}, {5}, scaled});
    add_case(sink, {{2, 3, 4}, {4}, scaled});
    add_case(sink, {{2, 3, 4}, {3, 4}, scaled});
    add_case(sink, {{6}, {6}, scaled});
    add_case(sink, {{0, 4}, {4}, scaled});
  }
  add_case(sink, {{70, 33}, {33}}, Grad::none);
  add_case(sink, {{3, 2300}, {2300}}, Grad::none);
  sink.error<ShapeError>(
      "layer_norm", [] { return layer_norm(zeros({2, 3}), {4}); },
      "layer_norm: x must end in normalized_shape [4], got f32 [2, 3] cpu");
  sink.error<ShapeError>(
      "layer_norm", [] { return layer_norm(zeros({2, 3}), {3}, zeros({2})); },
      "layer_norm: weight must have the normalized shape [3], got [2] (weight: f32 [2] cpu)");
  sink.error<DTypeError>(
      "layer_norm", [] { return layer_norm(zeros({2, 3}), {3}, {}, zeros({3}, {.dtype = DType::f64})); },
      "layer_norm: bias must have x's dtype f32, got f64 (bias: f64 [3] cpu)");
  sink.error<DTypeError>(
      "layer_norm", [] { return layer_norm(zeros({2, 3}, {.dtype = DType::i32}), {3}); },
      "layer_norm: x must be floating, got i32 (x: i32 [2, 3] cpu)");
  sink.error<ShapeError>(
      "rms_norm", [] { return rms_norm(zeros({2, 3}), {2, 3, 1}); },
      "rms_norm: x must end in normalized_shape [2, 3, 1], got f32 [2, 3] cpu");
}

}  // namespace farro::opcheck
