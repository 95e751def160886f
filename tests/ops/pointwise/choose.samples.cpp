// SPDX-License-Identifier: Apache-2.0
// Samples of kernels/pointwise/choose.h.
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/pointwise/choose.h>
#include <farro/tests/opcheck/errors.h>
#include <farro/tests/opcheck/sample.h>

#include <cmath>

namespace farro::opcheck {

namespace {

constexpr auto kChoose = [](auto c, auto x, auto y) { return c != 0 ? x : y; };
constexpr auto kFill = [](auto x, auto m) { return m != 0 ? decltype(x)(-1.5) : x; };

void samples_of_where(SampleSink& sink) {
  const auto run = [](const Tensor& c, const Tensor& a, const Tensor& b) { return where(c, a, b); };
  struct Shapes {
    Shape condition, a, b;
  };
  for (const auto& [c, a, b] : {Shapes{{}, {}, {}}, Shapes{{0}, {0}, {1}}, Shapes{{1}, {1}, {1}}, Shapes{{37}, {37}, {37}},
                                Shapes{{4, 1}, {5}, {4, 5}}, Shapes{{3, 4}, {}, {3, 4}}, Shapes{{2, 3, 2}, {2, 3, 2}, {3, 1}},
                                Shapes{{1}, {3, 1}, {1, 4}}})
    sink.add("where", {.label = str(c, " ", a, " ", b), .inputs = {mask_in(c), in(a), in(b)}, .run = run,
                       .reference = pointwise(kChoose), .dtypes = kNumbers, .exact = true});
  sink.add("where", {.label = "[300]", .inputs = {mask_in({300}), in({300}).special(), in({300})}, .run = run,
                     .reference = pointwise(kChoose), .exact = true});
  sink.add("where", {.label = "number for b", .inputs = {mask_in({9}), in({9})},
                     .run = [](const Tensor& c, const Tensor& a) { return where(c, a, 0.5); },
                     .reference = pointwise([](auto c, auto x) { return c != 0 ? x : decltype(x)(0.5); }), .exact = true});
  sink.add("where", {.label = "number for a", .inputs = {mask_in({9}), in({9})},
                     .run = [](const Tensor& c, const Tensor& b) { return where(c, 2, b); },
                     .reference = pointwise([](auto c, auto y) { return c != 0 ? decltype(y)(2) : y; }), .dtypes = kNumbers, .exact = true});
  sink.error<DTypeError>("where", [] { return where(zeros({2}), zeros({2}), zeros({2})); },
                         "where: condition must be bool, got f32 (condition: f32 [2] cpu)");
  sink.error<ShapeError>("where", [] { return where(zeros({2}, {.dtype = DType::boolean}), zeros({2}), zeros({3})); },
                         "where: shapes must be equal or broadcast (sizes equal or 1), got [2] and [3] (dimension 0: 2 and 3)");
}

void samples_of_masked_fill(SampleSink& sink) {
  const auto run = [](const Tensor& a, const Tensor& mask) { return masked_fill(a, mask, -1.5); };
  struct Shapes {
    Shape a, mask;
  };
  for (const auto& [a, m] : {Shapes{{}, {}}, Shapes{{0, 2}, {2}}, Shapes{{1}, {1}}, Shapes{{37}, {37}}, Shapes{{3, 4}, {4}},
                             Shapes{{4}, {3, 1}}, Shapes{{2, 3, 2, 2}, {2, 1, 2, 1}}, Shapes{{300}, {300}}})
    sink.add("masked_fill", {.label = str(a, " ", m), .inputs = {in(a), mask_in(m)}, .run = run, .reference = pointwise(kFill), .exact = true});
  sink.add("masked_fill", {.label = "in place", .inputs = {in({3, 4}), mask_in({4})},
                           .run = [](const Tensor& a, const Tensor& mask) { return a.clone().masked_fill_(mask, -1.5); },
                           .reference = pointwise(kFill), .exact = true});
  sink.add("masked_fill", {.label = "integers", .inputs = {in({9}).range(0, 9), mask_in({9})},
                           .run = [](const Tensor& a, const Tensor& mask) { return masked_fill(a, mask, 7); },
                           .reference = pointwise([](auto x, auto m) { return m != 0 ? 7 : x; }), .dtypes = kIntegers});
  sink.error<DTypeError>("masked_fill", [] { return masked_fill(zeros({2}), zeros({2}), 1); },
                         "masked_fill: mask must be bool, got f32 (mask: f32 [2] cpu)");
}

void samples_of_clamp(SampleSink& sink) {
  const auto both = [](const Tensor& a) { return clamp(a, -0.5, 1); };
  const Input values = in({}).away_from(-0.5, 0.01);
  sink.unary("clamp", both, [](auto x) { using T = decltype(x); return x < T(-0.5) ? T(-0.5) : x > 1 ? T(1) : x; }, {.values = values, .exact = true});
  sink.add("clamp", {.label = "low only", .inputs = {in({20})}, .run = [](const Tensor& a) { return clamp(a, 0.25, std::nullopt); },
                     .reference = pointwise([](auto x) { return x < decltype(x)(0.25) ? decltype(x)(0.25) : x; }), .exact = true});
  sink.add("clamp", {.label = "high only", .inputs = {in({20})}, .run = [](const Tensor& a) { return clamp(a, std::nullopt, 0.25); },
                     .reference = pointwise([](auto x) { return x > decltype(x)(0.25) ? decltype(x)(0.25) : x; }), .exact = true});
  sink.add("clamp", {.label = "in place", .inputs = {in({20})}, .run = [](const Tensor& a) { return a.clone().clamp_(0, 1); },
                     .reference = pointwise([](auto x) { return x < 0 ? decltype(x)(0) : x > 1 ? decltype(x)(1) : x; }), .exact = true});
  sink.add("clamp", {.label = "integers", .inputs = {in({20}).range(0, 9)}, .run = [](const Tensor& a) { return clamp(a, 2, 5); },
                     .reference = pointwise([](auto x) { return x < 2 ? decltype(x)(2) : x > 5 ? decltype(x)(5) : x; }), .dtypes = kIntegers});
  sink.add("clamp", {.label = "integers with floating bounds", .inputs = {in({20}).range(0, 9)}, .run = [](const Tensor& a) { return clamp(a, 2.5, 5); },
                     .reference = pointwise([](auto x) { return x < decltype(x)(2.5) ? decltype(x)(2.5) : x > 5 ? decltype(x)(5) : x; }), .dtypes = kIntegers});
  sink.error<ValueError>("clamp", [] { return clamp(zeros({2}), std::nullopt, std::nullopt); },
                         "clamp: low or high must be given, got neither");
  sink.error<DTypeError>("clamp", [] { return arange(4).clamp_(0.5, 2.7); },
                         "clamp_: low and high must be integers for an integer tensor, got low 0.5 and high 2.7 (a: i64 [4] cpu)");
  sink.error<DTypeError>("clamp", [] { return clamp(zeros({2}, {.dtype = DType::boolean}), 0, 1); },
                         "clamp: a must be a number, got bool (a: bool [2] cpu)");
}

}  // namespace

void samples_choose(SampleSink& sink);
void samples_choose(SampleSink& sink) {
  samples_of_where(sink);
  samples_of_masked_fill(sink);
  samples_of_clamp(sink);
  const auto larger = [](auto x, auto y) { return x > y || x != x ? x : y; };
  const auto smaller = [](auto x, auto y) { return x < y || x != x ? x : y; };
  sink.binary("maximum", maximum, larger, {.dtypes = kNumbers, .exact = true});
  sink.binary("minimum", minimum, smaller, {.dtypes = kNumbers, .exact = true});
  sink.error<ShapeError>("maximum", [] { return maximum(zeros({2}), zeros({3})); },
                         "maximum: shapes must be equal or broadcast (sizes equal or 1), got [2] and [3] (dimension 0: 2 and 3)");
  sink.error<ShapeError>("minimum", [] { return minimum(zeros({2}), zeros({3})); },
                         "minimum: shapes must be equal or broadcast (sizes equal or 1), got [2] and [3] (dimension 0: 2 and 3)");

  pair_errors(sink, "maximum", maximum);
  pair_errors(sink, "minimum", minimum);
  for (const Unheld& u : kUnheld) {
    const auto mask = [] { return ones({2}, {.dtype = DType::boolean}); };
    const auto tensor = [u] { return ones({2}, {.dtype = u.dtype}); };
    const std::string what = str(" must be a ", u.holds, ", got ", u.number);
    sink.error<ValueError>("where", [=] { return where(mask(), tensor(), u.number); }, "where: b" + what);
    sink.error<ValueError>("where", [=] { return where(mask(), u.number, tensor()); }, "where: a" + what);
    sink.error<ValueError>("masked_fill", [=] { return masked_fill(tensor(), mask(), u.number); },
                           str("masked_fill: value", what, " (a: ", u.dtype, " [2] cpu)"));
    sink.error<ValueError>("masked_fill", [=] { return tensor().masked_fill_(mask(), u.number); },
                           str("masked_fill_: value", what, " (tensor: ", u.dtype, " [2] cpu)"));
    const bool above = u.number.to_double() > 0;
    sink.error<ValueError>("clamp", [=] { return above ? clamp(tensor(), u.number, {}) : clamp(tensor(), {}, u.number); },
                           str("clamp: ", above ? "low" : "high", what));
  }
  sink.error<ValueError>("where", [] { return where(Tensor(), 1, 2); },
                         "where: condition must be a defined tensor, got an undefined one");
  sink.error<DTypeError>("where", [] { return where(ones({2}), 1, 2); },
                         "where: condition must be bool, got f32 (condition: f32 [2] cpu)");
  sink.error<DTypeError>("masked_fill", [] { return masked_fill(ones({2}), ones({2}), 2); },
                         "masked_fill: mask must be bool, got f32 (mask: f32 [2] cpu)");
}

}  // namespace farro::opcheck
