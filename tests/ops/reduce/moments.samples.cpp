// SPDX-License-Identifier: Apache-2.0
// Samples of kernels/reduce/moments.h.
#include <farro/kernels/reduce/moments.h>
#include <farro/tests/ops/reduce/reduction.h>

#include <cmath>

namespace farro::opcheck {

namespace {

template <class T>
T variance(const std::vector<T>& values, bool unbiased) {
  T mean = 0, sum = 0;
  for (const T value : values) mean += value / static_cast<T>(values.size());
  for (const T value : values) sum += (value - mean) * (value - mean);
  const auto n = static_cast<T>(values.size());
  return sum / std::max(n - static_cast<T>(unbiased), T(0));
}

template <class T>
T norm_of(const std::vector<T>& values, double p) {
  T sum = 0;
  for (const T value : values) sum += std::pow(std::abs(value), static_cast<T>(p));
  return std::pow(sum, static_cast<T>(1 / p));
}

}  // namespace

void samples_moments(SampleSink& sink);
void samples_moments(SampleSink& sink) {
  for (const bool unbiased : {false, true})
    add_reductions(sink, "var", [unbiased](const Tensor& t, const Dims& dims, bool keepdim) { return var(t, dims, unbiased, keepdim); },
                   [unbiased](const auto& values) { return variance(values, unbiased); }, {.grad = unbiased ? Grad::none : Grad::second});
  for (const double p : {1., 2., 3., 1.5})
    add_reductions(sink, "norm", [p](const Tensor& t, const Dims& dims, bool keepdim) { return norm(t, p, dims, keepdim); },
                   [p](const auto& values) { return norm_of(values, p); }, {.values = in({}).away_from(0, 0.1)});
  sink.add("norm", {.label = "norm 0", .inputs = {in({2, 3}).values({0, 0, 0, 1, 2, 2})}, .run = [](const Tensor& t) {
                      return norm(t, 2, {1});
                    },
                    .reference = Reference([]<class T>(const Arrays<T>& in) {
                      return reduce(in[0], {1}, false, [](const std::vector<T>& values) { return norm_of(values, 2); });
                    }),
                    .grad = Grad::none});
  sink.error<ValueError>("norm", [] { return norm(zeros({2}), -2); }, "norm: p must be -infinity or at least 0, got -2");
  add_reductions(sink, "logsumexp", logsumexp, [](const auto& values) {
    using T = std::decay_t<decltype(values[0])>;
    T shift = -INFINITY, sum = 0;
    for (const T value : values) shift = std::max(shift, value);
    if (std::isinf(shift)) shift = 0;
    for (const T value : values) sum += std::exp(value - shift);
    return std::log(sum) + shift;
  }, {.values = in({}).range(-4, 4)});
  sink.add("logsumexp", {.label = "infinities and large values", .inputs = {in({4, 2}).values({-INFINITY, -INFINITY, INFINITY, 1, 500, 499, -500, -INFINITY})},
                         .run = [](const Tensor& t) { return logsumexp(t, {1}); },
                         .reference = Reference([]<class T>(const Arrays<T>& in) {
                           return reduce(in[0], {1}, false, [](const std::vector<T>& v) {
                             const T shift = std::isinf(std::max(v[0], v[1])) ? T(0) : std::max(v[0], v[1]);
                             return std::log(std::exp(v[0] - shift) + std::exp(v[1] - shift)) + shift;
                           });
                         }),
                         .grad = Grad::none,
                         .cancelling = 500});
  const auto floating_only = [&](const char* op, std::function<Tensor(const Tensor&)> run) {
    sink.error<DTypeError>(op, [run] { return run(zeros({2}, {.dtype = DType::i64})); },
                           str(op, ": input must be floating, got i64 (input: i64 [2] cpu)"));
  };
  floating_only("var", [](const Tensor& t) { return var(t); });
  floating_only("norm", [](const Tensor& t) { return norm(t); });
  floating_only("logsumexp", [](const Tensor& t) { return logsumexp(t, {}); });
}

}  // namespace farro::opcheck
