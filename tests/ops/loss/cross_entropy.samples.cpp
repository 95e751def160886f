// SPDX-License-Identifier: Apache-2.0
// Samples of cross_entropy and nll_loss, and of their backward ops.
#include <farro/autograd/call/call.h>
#include <farro/kernels/loss/cross_entropy.h>
#include <farro/kernels/loss/cross_entropy.op.h>
#include <farro/kernels/loss/nll_loss.h>
#include <farro/kernels/loss/nll_loss.op.h>
#include <farro/kernels/memory/factories.h>
#include <farro/tests/opcheck/sample.h>

#include <cmath>

namespace farro::opcheck {

namespace {

// One case: logits [rows, classes], a third of the targets ignored or not, and the options.
struct Case {
  int64_t rows = 3, classes = 4;
  Reduction reduction = Reduction::mean;
  double smoothing = 0;
  bool weighted = false;
  int64_t ignored = -1;  // every target of this value
  double offset = 0;     // of all logits
};

std::string label(const Case& c) {
  return str(c.rows, " of ", c.classes, " reduction ", static_cast<int>(c.reduction), " smoothing ", c.smoothing,
             c.weighted ? " weighted" : "", " ignoring ", c.ignored, " around ", c.offset);
}

std::vector<Case> cases() {
  std::vector<Case> list;
  for (Reduction reduction : {Reduction::none, Reduction::mean, Reduction::sum}) {
    list.push_back({.reduction = reduction});
    list.push_back({.reduction = reduction, .smoothing = 0.3, .weighted = true, .ignored = 2});
  }
  list.push_back({.rows = 1, .classes = 1});
  list.push_back({.rows = 5, .classes = 3, .smoothing = 0.1});
  list.push_back({.rows = 4, .classes = 6, .weighted = true, .ignored = 0});
  for (double smoothing : {0.0, 0.2})
    list.push_back({.rows = 4, .reduction = Reduction::none, .smoothing = smoothing, .offset = 1e6});
  return list;
}

Input weights(const Case& c) { return c.weighted ? in({c.classes}).positive().no_grad() : absent(); }

// Row r's distribution of targets; all zero where it is ignored.
template <class T>
std::vector<T> target_of(const Case& c, const NdArray<T>& target, const NdArray<T>& weight, int64_t r) {
  std::vector<T> t(static_cast<size_t>(c.classes));
  const int64_t y = target.integer(r);
  if (y == c.ignored) return t;
  for (int64_t i = 0; i < c.classes; ++i) {
    const T w = c.weighted ? weight(i) : T(1);
    t[static_cast<size_t>(i)] = w * (T(c.smoothing / double(c.classes)) + (i == y ? T(1 - c.smoothing) : T(0)));
  }
  return t;
}

template <class T>
T total_weight(const Case& c, const NdArray<T>& target, const NdArray<T>& weight) {
  T total = 0;
  for (int64_t r = 0; r < c.rows; ++r)
    if (target.integer(r) != c.ignored) total += c.weighted ? weight(target.integer(r)) : T(1);
  return total;
}

template <class T>
std::vector<T> log_softmax_row(const NdArray<T>& x, int64_t r) {
  std::vector<T> row;
  T max = x(r, 0), sum = 0;
  for (int64_t i = 0; i < x.size(1); ++i) max = std::max(max, x(r, i));
  for (int64_t i = 0; i < x.size(1); ++i) sum += std::exp(x(r, i) - max);
  for (int64_t i = 0; i < x.size(1); ++i) row.push_back(x(r, i) - max - std::log(sum));
  return row;
}

// From each row's loss.
template <class T>
NdArray<T> reduced(const Case& c, const NdArray<T>& each, T total) {
  if (c.reduction == Reduction::none) return each;
  NdArray<T> out{Shape{}};
  for (T value : each.data) out() += value;
  if (c.reduction == Reduction::mean) out() /= total;
  return out;
}

template <class T>
NdArray<T> cross_entropy_reference(const Case& c, const Arrays<T>& in) {
  NdArray<T> each({c.rows});
  for (int64_t r = 0; r < c.rows; ++r) {
    const std::vector<T> log_p = log_softmax_row(in[0], r), t = target_of(c, in[1], in[2], r);
    for (size_t i = 0; i < t.size(); ++i) each(r) -= t[i] * log_p[i];
  }
  return reduced(c, each, total_weight(c, in[1], in[2]));
}

template <class T>
NdArray<T> nll_reference(const Case& c, const Arrays<T>& in) {
  NdArray<T> each({c.rows});
  for (int64_t r = 0; r < c.rows; ++r) {
    const int64_t y = in[1].integer(r);
    if (y != c.ignored) each(r) = -in[0](r, y) * (c.weighted ? in[2](y) : T(1));
  }
  return reduced(c, each, total_weight(c, in[1], in[2]));
}

// in: grad, logits, target, weight.
template <class T>
NdArray<T> cross_entropy_backward_reference(const Case& c, const Arrays<T>& in) {
  NdArray<T> out({c.rows, c.classes});
  const T total = total_weight(c, in[2], in[3]);
  for (int64_t r = 0; r < c.rows; ++r) {
    const std::vector<T> log_p = log_softmax_row(in[1], r), t = target_of(c, in[2], in[3], r);
    T scale = c.reduction == Reduction::none ? in[0](r) : in[0](), mass = 0;
    if (c.reduction == Reduction::mean) scale /= total;
    for (T value : t) mass += value;
    for (int64_t i = 0; i < c.classes; ++i) {
      const auto at = static_cast<size_t>(i);
      out(r, i) = scale * (mass * std::exp(log_p[at]) - t[at]);
    }
  }
  return out;
}

// in: grad, target, weight.
template <class T>
NdArray<T> nll_backward_reference(const Case& c, const Arrays<T>& in) {
  NdArray<T> out({c.rows, c.classes});
  const T total = total_weight(c, in[1], in[2]);
  for (int64_t r = 0; r < c.rows; ++r) {
    const int64_t y = in[1].integer(r);
    if (y == c.ignored) continue;
    const T g = c.reduction == Reduction::none ? in[0](r) : in[0]();
    out(r, y) = -g * (c.weighted ? in[2](y) : T(1)) / (c.reduction == Reduction::mean ? total : T(1));
  }
  return out;
}

Shape loss_shape(const Case& c) { return c.reduction == Reduction::none ? Shape{c.rows} : Shape{}; }

void add_case(SampleSink& sink, const Case& c) {
  // A large common offset must cost no digits of the loss. Differences over it say nothing.
  const Input scores = in({c.rows, c.classes}).range(c.offset - 2, c.offset + 2);
  const DTypeSet dtypes = c.offset != 0 ? kF32F64 : kFloating;
  const Grad grad = c.offset != 0 ? Grad::none : Grad::second;
  const Input target = index_in({c.rows}, 0, c.classes);
  sink.add("cross_entropy", {.label = label(c),
                             .inputs = {scores, target, weights(c)},
                             .run =
                                 [c](const Tensor& x, const Tensor& y, const Tensor& w) {
                                   return cross_entropy(x, y,
                                                        {.reduction = c.reduction,
                                                         .ignore_index = c.ignored,
                                                         .label_smoothing = c.smoothing,
                                                         .weight = w});
                                 },
                             .reference = Reference([c](const auto& in) { return cross_entropy_reference(c, in); }),
                             .dtypes = dtypes,
                             .grad = grad});
  sink.add("cross_entropy_backward",
           {.label = label(c),
            .inputs = {in(loss_shape(c)), scores, target, weights(c)},
            .run =
                [c](const Tensor& g, const Tensor& x, const Tensor& y, const Tensor& w) {
                  const auto forward = call<CrossEntropy>({x.detach(), y, w, c.reduction, c.ignored, c.smoothing});
                  return call<CrossEntropyBackward>(
                      {g, x, y, forward[1], forward[2], forward[3], w, c.reduction, c.ignored, c.smoothing});
                },
            .reference = Reference([c](const auto& in) { return cross_entropy_backward_reference(c, in); }),
            .dtypes = dtypes,
            .grad = grad});
  if (c.smoothing != 0 || c.offset != 0) return;
  sink.add("nll_loss", {.label = label(c),
                        .inputs = {scores, target, weights(c)},
                        .run =
                            [c](const Tensor& x, const Tensor& y, const Tensor& w) {
                              return nll_loss(
                                  x, y, {.reduction = c.reduction, .ignore_index = c.ignored, .weight = w});
                            },
                        .reference = Reference([c](const auto& in) { return nll_reference(c, in); }),
                        .grad = Grad::first});  // linear: the second derivative is zero
  sink.add("nll_loss_backward",
           {.label = label(c),
            .inputs = {in(loss_shape(c)), target, weights(c)},
            .run =
                [c](const Tensor& g, const Tensor& y, const Tensor& w) {
                  const Tensor scores_like = zeros({c.rows, c.classes}, {.dtype = g.dtype(), .device = g.device()});
                  const auto forward = call<NllLoss>({scores_like, y, w, c.reduction, c.ignored});
                  return call<NllLossBackward>({g, y, forward[1], w, c.classes, c.reduction, c.ignored});
                },
            .reference = Reference([c](const auto& in) { return nll_backward_reference(c, in); }),
            .grad = Grad::first,
            .zeros = true});
}

void add_other_shapes(SampleSink& sink) {
  const auto run = [](const Tensor& x, const Tensor& y) {
    return cross_entropy(x, y, {.reduction = Reduction::none});
  };
  // in [N, C, d] -> rows of [N, d].
  const Reference spatial([]<class T>(const Arrays<T>& in) {
    const Case c{.rows = 6, .classes = 4, .reduction = Reduction::none};
    NdArray<T> rows({6, 4}), target({6});
    for (int64_t i = 0; i < 6; ++i) {
      target(i) = in[1](i / 3, i % 3);
      for (int64_t k = 0; k < 4; ++k) rows(i, k) = in[0](i / 3, k, i % 3);
    }
    NdArray<T> out = cross_entropy_reference(c, Arrays<T>{rows, target, {}});
    out.sizes = {2, 3};
    return out;
  });
  sink.add("cross_entropy", {.label = "[N, C, d]",
                             .inputs = {in({2, 4, 3}), index_in({2, 3}, 0, 4)},
                             .run = run,
                             .reference = spatial});
  const Reference single([]<class T>(const Arrays<T>& in) {
    NdArray<T> row = in[0], target = in[1];
    row.sizes = {1, 5};
    target.sizes = {1};
    return cross_entropy_reference(Case{.rows = 1, .classes = 5}, Arrays<T>{row, target, {}});
  });
  sink.add("cross_entropy", {.label = "[C]",
                             .inputs = {in({5}), index_in({}, 0, 5)},
                             .run = [](const Tensor& x, const Tensor& y) { return cross_entropy(x, y); },
                             .reference = single});
  sink.add("cross_entropy", {.label = "no rows",
                             .inputs = {in({0, 5}), index_in({0}, 0, 5)},
                             .run = run,
                             .reference = Reference([]<class T>(const Arrays<T>&) { return NdArray<T>({0}); })});
  Sample many{.label = "many classes",
              .inputs = {in({3, 2500}), index_in({3}, 0, 2500)},
              .run = run,
              .reference = Reference([](const auto& in) {
                return cross_entropy_reference(Case{.rows = 3, .classes = 2500, .reduction = Reduction::none}, in);
              })};
  many.grad = Grad::none;
  sink.add("cross_entropy", many);
}

// Class probabilities make no call of the op: the softmax underneath is where they are seen. in: logits, target, weight.
void add_probabilities(SampleSink& sink) {
  for (const double smoothing : {0.0, 0.25})
    for (const bool weighted : {false, true})
      for (const Reduction reduction : {Reduction::none, Reduction::mean, Reduction::sum}) {
        const CrossEntropyOptions options{.reduction = reduction, .label_smoothing = smoothing};
        sink.add("log_softmax",
                 {.label = str("cross entropy of probabilities, reduction ", static_cast<int>(reduction), " smoothing ",
                               smoothing, weighted ? " weighted" : ""),
                  .inputs = {in({2, 3, 4}), in({2, 3, 4}).range(0, 1), weighted ? in({3}).positive().no_grad() : absent()},
                  .run =
                      [options](const Tensor& x, const Tensor& t, const Tensor& w) {
                        CrossEntropyOptions with = options;
                        with.weight = w;
                        return cross_entropy(x, t, with);
                      },
                  .reference = Reference([=]<class T>(const Arrays<T>& in) {
                    NdArray<T> each({2, 4});
                    for_each_index(each.sizes, [&](const Dims& at) {
                      NdArray<T> row({1, 3});
                      for (int64_t k = 0; k < 3; ++k) row(0, k) = in[0](at[0], k, at[1]);
                      const std::vector<T> log_p = log_softmax_row(row, 0);
                      for (int64_t k = 0; k < 3; ++k) {
                        const T t = in[1](at[0], k, at[1]) * T(1 - smoothing) + T(smoothing / 3);
                        each.at(at) -= t * (weighted ? in[2](k) : T(1)) * log_p[static_cast<size_t>(k)];
                      }
                    });
                    return reduced(Case{.reduction = reduction}, each, T(8));
                  })});
      }
}

void add_errors(SampleSink& sink) {
  const auto classes = [](std::vector<int64_t> list) { return tensor(list); };
  sink.error<IndexError>(
      "cross_entropy", [=] { return cross_entropy(zeros({3, 4}), classes({0, 4, 9})); },
      "cross_entropy: target must be in [0, 4) or ignore_index (-100), got 4 at position 1 (target: i64 [3] cpu)");
  sink.error<ShapeError>(
      "cross_entropy", [=] { return cross_entropy(zeros({3, 4}), classes({0, 1})); },
      "cross_entropy: target must have one entry for each row of logits, got target: i64 [2] cpu, logits: f32 [3, 4] cpu");
  sink.error<ShapeError>(
      "cross_entropy", [=] { return cross_entropy(zeros({2, 4, 3}), classes({0, 1})); },
      "cross_entropy: target must have shape [2, 3] for logits [2, 4, 3], got i64 [2] cpu");
  sink.error<DTypeError>(
      "cross_entropy", [=] { return cross_entropy(zeros({2, 4}), classes({0, 1}).to(DType::i32)); },
      "cross_entropy: target must be class indices of dtype i64, got i32 (target: i32 [2] cpu)");
  sink.error<DTypeError>(
      "cross_entropy", [=] { return cross_entropy(zeros({2, 4}, {.dtype = DType::i32}), classes({0, 1})); },
      "cross_entropy: logits must be floating, got i32 (logits: i32 [2, 4] cpu)");
  sink.error<ValueError>(
      "cross_entropy", [=] { return cross_entropy(zeros({2, 4}), classes({0, 1}), {.label_smoothing = 1.5}); },
      "cross_entropy: label_smoothing must be in [0, 1], got 1.5");
  sink.error<ShapeError>(
      "cross_entropy", [=] { return cross_entropy(zeros({2, 4}), classes({0, 1}), {.weight = zeros({3})}); },
      "cross_entropy: weight must have one entry for each of 4 classes in dtype f32, got f32 [3] cpu");
  sink.error<ShapeError>(
      "cross_entropy", [] { return cross_entropy(zeros({2, 4}), zeros({2})); },
      "cross_entropy: target must be class indices (i64) or have the logits' shape and dtype, got f32 [2] cpu (logits: "
      "f32 [2, 4] cpu)");
  const auto probabilities = [](const CrossEntropyOptions& options) {
    return [options] { return cross_entropy(zeros({3, 2}), zeros({3, 2}), options); };
  };
  sink.error<ValueError>("cross_entropy", probabilities({.label_smoothing = 3}),
                         "cross_entropy: label_smoothing must be in [0, 1], got 3");
  sink.error<ValueError>("cross_entropy", probabilities({.label_smoothing = -0.5}),
                         "cross_entropy: label_smoothing must be in [0, 1], got -0.5");
  sink.error<ShapeError>("cross_entropy", probabilities({.weight = zeros({1})}),
                         "cross_entropy: weight must have one entry for each of 2 classes in dtype f32, got f32 [1] cpu");
  sink.error<ShapeError>("cross_entropy", [] { return cross_entropy(zeros({}), zeros({})); },
                         "cross_entropy: logits must have a dimension of classes, got f32 [] cpu");
  sink.error<IndexError>(
      "nll_loss", [=] { return nll_loss(zeros({2, 4}), classes({0, -1})); },
      "nll_loss: target must be in [0, 4) or ignore_index (-100), got -1 at position 1 (target: i64 [2] cpu)");
}

}  // namespace

void samples_cross_entropy(SampleSink& sink);
void samples_cross_entropy(SampleSink& sink) {
  for (const Case& c : cases()) add_case(sink, c);
  add_other_shapes(sink);
  add_probabilities(sink);
  add_errors(sink);
}

}  // namespace farro::opcheck
