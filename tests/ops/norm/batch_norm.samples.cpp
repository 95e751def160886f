// SPDX-License-Identifier: Apache-2.0
// Samples of kernels/norm/batch_norm.h.
#include <farro/autograd/call/call.h>
#include <farro/kernels/norm/batch_norm.h>
#include <farro/kernels/norm/batch_norm.op.h>
#include <farro/kernels/memory/factories.h>
#include <farro/tests/opcheck/sample.h>

#include <cmath>

namespace farro::opcheck {

namespace {

constexpr double kEps = 1e-3;

template <class T>
struct Statistics {
  std::vector<T> mean, var;
};

// fn(channel, index) over x.
template <class Fn>
void for_each_value(const Shape& sizes, Fn fn) {
  for_each_index(sizes, [&](const Dims& at) { fn(static_cast<size_t>(at[1]), at); });
}

template <class T>
Statistics<T> statistics(const NdArray<T>& x) {
  const size_t channels = static_cast<size_t>(x.size(1));
  Statistics<T> s{std::vector<T>(channels), std::vector<T>(channels)};
  const T count = static_cast<T>(x.numel()) / static_cast<T>(x.size(1));
  for_each_value(x.sizes, [&](size_t c, const Dims& at) { s.mean[c] += x.at(at) / count; });
  for_each_value(x.sizes, [&](size_t c, const Dims& at) {
    const T d = x.at(at) - s.mean[c];
    s.var[c] += d * d / count;
  });
  return s;
}

template <class T>
T affine(const NdArray<T>& values, size_t c, T absent) {
  return values.numel() ? values.data[c] : absent;
}

template <class T>
NdArray<T> normalized(const Arrays<T>& in, const Statistics<T>& s) {
  NdArray<T> y(in[0].sizes);
  for_each_value(y.sizes, [&](size_t c, const Dims& at) {
    y.at(at) = (in[0].at(at) - s.mean[c]) / std::sqrt(s.var[c] + static_cast<T>(kEps)) * affine(in[1], c, T(1)) +
               affine(in[2], c, T(0));
  });
  return y;
}

// in: grad, x, weight. The chain rule, spelled out: y depends on x directly and through the statistics.
template <class T>
Arrays<T> gradients(const Arrays<T>& in, const Statistics<T>& s, bool batch_statistics) {
  const NdArray<T>&grad = in[0], &x = in[1];
  const size_t channels = s.mean.size();
  const T count = static_cast<T>(x.numel()) / static_cast<T>(channels);
  NdArray<T> grad_x(x.sizes), grad_weight({x.size(1)}), grad_bias({x.size(1)});
  std::vector<T> grad_mean(channels), grad_var(channels);
  for_each_value(x.sizes, [&](size_t c, const Dims& at) {
    const T r = 1 / std::sqrt(s.var[c] + static_cast<T>(kEps)), d = x.at(at) - s.mean[c], g = grad.at(at);
    const T w = affine(in[2], c, T(1));
    grad_weight.data[c] += g * d * r;
    grad_bias.data[c] += g;
    grad_mean[c] -= g * w * r;
    grad_var[c] -= g * w * d * r * r * r / 2;
    grad_x.at(at) = g * w * r;
  });
  if (batch_statistics)
    for_each_value(x.sizes, [&](size_t c, const Dims& at) {
      grad_x.at(at) += grad_mean[c] / count + grad_var[c] * 2 * (x.at(at) - s.mean[c]) / count;
    });
  return {grad_x, grad_weight, grad_bias};
}

struct Problem {
  std::string label;
  Shape x;
  bool with_affine = true;
  Grad grad = Grad::second;
  double cancelling = 0;  // see Sample
};

Input channels_of(const Problem& p) { return p.with_affine ? in({p.x[1]}) : absent(); }

void add_training(SampleSink& sink, const Problem& p) {
  sink.add("batch_norm", {.label = p.label,
                          .inputs = {in(p.x), channels_of(p), channels_of(p)},
                          .run = [](const Tensor& x, const Tensor& weight,
                                    const Tensor& bias) { return batch_norm(x, weight, bias, {}, {}, true, 0.1, kEps); },
                          .reference = Reference([](const auto& in) { return normalized(in, statistics(in[0])); }),
                          .grad = p.grad,
                          .cancelling = p.cancelling});
  sink.add("batch_norm_backward",
           {.label = str(p.label, ", training"),
            .inputs = {in(p.x), in(p.x), channels_of(p)},
            .run =
                [](const Tensor& grad, const Tensor& x, const Tensor& weight) {
                  const auto forward = call<BatchNorm>({x.detach(), {}, {}, kEps});
                  return call<BatchNormBackward>({grad, x, weight, forward[1], forward[2], kEps, true, true});
                },
            .reference = Reference([](const auto& in) { return gradients(in, statistics(in[1]), true); }),
            .grad = p.grad == Grad::none ? Grad::none : Grad::first,
            .cancelling = p.cancelling});
}

void add_eval(SampleSink& sink, const Problem& p) {
  const Input mean = in({p.x[1]}).no_grad().as(DType::f32), var = mean.positive();
  sink.add("batch_norm_eval",
           {.label = p.label,
            .inputs = {in(p.x), channels_of(p), channels_of(p), mean, var},
            .run = [](const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& m,
                      const Tensor& v) { return batch_norm(x, weight, bias, m, v, false, 0.1, kEps); },
            .reference = Reference([]<class T>(const Arrays<T>& in) {
              return normalized(in, Statistics<T>{in[3].data, in[4].data});
            }),
            .grad = p.grad,
            .cancelling = p.cancelling});
  sink.add("batch_norm_backward",
           {.label = str(p.label, ", evaluation"),
            .inputs = {in(p.x), in(p.x), channels_of(p), mean, var},
            .run =
                [](const Tensor& grad, const Tensor& x, const Tensor& weight, const Tensor& m, const Tensor& v) {
                  return call<BatchNormBackward>({grad, x, weight, m, v, kEps, false, true});
                },
            .reference = Reference([]<class T>(const Arrays<T>& in) {
              return gradients(in, Statistics<T>{in[3].data, in[4].data}, false);
            }),
            .grad = p.grad == Grad::none ? Grad::none : Grad::first,
            .cancelling = p.cancelling});
}

}  // namespace

void samples_batch_norm(SampleSink& sink);
void samples_batch_norm(SampleSink& sink) {
  const std::vector<Problem> problems = {
      {"images", {2, 3, 3, 4}},
      {"without weight and bias", {2, 3, 2, 2}, false},
      {"features", {5, 4}},
      {"signals", {2, 3, 7}},
      {"volumes", {1, 2, 2, 3, 2}},
      {"one channel", {4, 1, 2, 2}},
      // Of two values one becomes 1 and the other -1: the gradient cancels to almost nothing.
      {"two values a channel", {2, 3, 1, 1}, true, Grad::none, 2},
      {"many channels", {3, 83, 2, 2}, true, Grad::none},
      {"long runs", {2, 3, 40, 50}, true, Grad::none, 63},  // of 4,000 terms of either sign
      {"many rows", {700, 5}, true, Grad::none},
  };
  for (const Problem& p : problems) {
    add_training(sink, p);
    add_eval(sink, p);
  }
  add_eval(sink, {"empty batch", {0, 3, 2, 2}});
  add_eval(sink, {"one value", {1, 1, 1, 1}});

  const auto x = [] { return zeros({2, 3, 4, 4}); };
  sink.error<ShapeError>(
      "batch_norm", [] { return batch_norm(zeros({3}), {}, {}, {}, {}, true); },
      "batch_norm: x must have at least 2 dimensions [N, C, ...], got 1 (x: f32 [3] cpu)");
  sink.error<ShapeError>(
      "batch_norm", [x] { return batch_norm(x(), zeros({4}), {}, {}, {}, true); },
      "batch_norm: weight must have sizes [3], got [4] (weight: f32 [4] cpu, x: f32 [2, 3, 4, 4] cpu)");
  sink.error<ShapeError>(
      "batch_norm", [] { return batch_norm(zeros({1, 3, 1, 1}), {}, {}, {}, {}, true); },
      "batch_norm: x must have more than one value per channel in training, got 1 (x: f32 [1, 3, 1, 1] cpu)");
  sink.error<ShapeError>(
      "batch_norm", [x] { return batch_norm(x(), {}, {}, zeros({2}), zeros({3}), true); },
      "batch_norm: running_mean must have sizes [3], got [2] (running_mean: f32 [2] cpu, x: f32 [2, 3, 4, 4] cpu)");
  sink.error<ValueError>(
      "batch_norm", [x] { return batch_norm(x(), {}, {}, zeros({3}), {}, true); },
      "batch_norm: running_mean and running_var must be given together, got f32 [3] cpu and undefined");
  sink.error<ValueError>(
      "batch_norm", [x] { return batch_norm(x(), {}, {}, {}, {}, true, 0.1, -1); },
      "batch_norm: eps must not be negative, got -1");
  sink.error<DTypeError>(
      "batch_norm", [x] { return batch_norm(x().to(DType::i32), {}, {}, {}, {}, true); },
      "batch_norm: x must be floating, got i32 (x: i32 [2, 3, 4, 4] cpu)");
  sink.error<DTypeError>(
      "batch_norm", [x] { return batch_norm(x(), zeros({3}, {.dtype = DType::f64}), {}, {}, {}, true); },
      "batch_norm: weight must have the dtype of x (f32), got f64 (weight: f64 [3] cpu)");
  for (const bool training : {false, true}) {
    sink.error<DTypeError>(
        training ? "batch_norm" : "batch_norm_eval",
        [x, training] { return batch_norm(x(), {}, {}, zeros({3}), zeros({3}, {.dtype = DType::i64}), training); },
        "batch_norm: running_var must be floating, got i64 (running_var: i64 [3] cpu)");
  }
  sink.error<DeviceError>(
      "batch_norm", [x] { return batch_norm(x(), {}, {}, zeros({3}), zeros({3}, {.device = Device::meta()}), true); },
      "batch_norm: running_var must be on the device of x (cpu), got meta (running_var: f32 [3] meta)");
  sink.error<ShapeError>(
      "batch_norm_eval", [x] { return batch_norm(x(), {}, {}, zeros({3}), zeros({2}), false); },
      "batch_norm: running_var must have sizes [3], got [2] (running_var: f32 [2] cpu, x: f32 [2, 3, 4, 4] cpu)");
  sink.error<ShapeError>(
      "batch_norm_backward",
      [x] { return call<BatchNormBackward>({zeros({2, 3}), x(), {}, zeros({3}), ones({3}), kEps, true, true}); },
      "batch_norm_backward: grad must have x's sizes [2, 3, 4, 4], got [2, 3] (grad: f32 [2, 3] cpu)");
}

}  // namespace farro::opcheck
