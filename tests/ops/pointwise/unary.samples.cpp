// SPDX-License-Identifier: Apache-2.0
// Samples of kernels/pointwise/unary.h.
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/pointwise/unary.h>
#include <farro/tests/opcheck/sample.h>

#include <cmath>

namespace farro::opcheck {

namespace {

// Integers give the default dtype.
template <class F>
void integers(SampleSink& sink, const char* op, Tensor (*run)(const Tensor&), F formula) {
  sink.add(op, {.label = "integers",
                .inputs = {in({3, 4}).range(1, 5)},
                .run = run,
                .reference = pointwise(formula),
                .dtypes = kIntegers});
  sink.error<ValueError>(op, [run] { return run(Tensor()); }, str(op, ": a must be a defined tensor, got an undefined one"));
}

}  // namespace

void samples_unary(SampleSink& sink);
void samples_unary(SampleSink& sink) {
  const auto exp_formula = [](auto x) { return std::exp(x); };
  sink.unary("exp", exp, exp_formula, {.values = in({}).range(-5, 5)});
  integers(sink, "exp", exp, exp_formula);
  const auto expm1_formula = [](auto x) { return std::expm1(x); };
  sink.unary("expm1", expm1, expm1_formula);
  integers(sink, "expm1", expm1, expm1_formula);
  const auto log_formula = [](auto x) { return std::log(x); };
  sink.unary("log", log, log_formula, {.values = in({}).range(0.2, 5)});
  integers(sink, "log", log, log_formula);
  const auto log1p_formula = [](auto x) { return std::log1p(x); };
  sink.unary("log1p", log1p, log1p_formula, {.values = in({}).range(-0.7, 3)});
  integers(sink, "log1p", log1p, log1p_formula);
  const auto sqrt_formula = [](auto x) { return std::sqrt(x); };
  sink.unary("sqrt", sqrt, sqrt_formula, {.values = in({}).range(0.2, 5)});
  integers(sink, "sqrt", sqrt, sqrt_formula);
  const auto rsqrt_formula = [](auto x) { return 1 / std::sqrt(x); };
  sink.unary("rsqrt", rsqrt, rsqrt_formula, {.values = in({}).range(0.2, 5)});
  integers(sink, "rsqrt", rsqrt, rsqrt_formula);
  const auto reciprocal_formula = [](auto x) { return 1 / x; };
  sink.unary("reciprocal", reciprocal, reciprocal_formula, {.values = in({}).away_from(0, 0.2)});
  integers(sink, "reciprocal", reciprocal, reciprocal_formula);
  const auto sin_formula = [](auto x) { return std::sin(x); };
  sink.unary("sin", sin, sin_formula, {.values = in({}).range(-10, 10)});
  integers(sink, "sin", sin, sin_formula);
  const auto cos_formula = [](auto x) { return std::cos(x); };
  sink.unary("cos", cos, cos_formula, {.values = in({}).range(-10, 10)});
  integers(sink, "cos", cos, cos_formula);
  // Beyond the fast reduction of the argument, and blocks where both ways meet.
  for (const double reach : {1e6, 1e12, 1e30}) {
    const Input far = in({130}).range(-reach, reach).no_grad();
    sink.add("sin", {.label = str("up to ", reach), .inputs = {far}, .run = sin, .reference = pointwise(sin_formula), .dtypes = kF32F64, .grad = Grad::none});
    sink.add("cos", {.label = str("up to ", reach), .inputs = {far}, .run = cos, .reference = pointwise(cos_formula), .dtypes = kF32F64, .grad = Grad::none});
  }
  const auto erf_formula = [](auto x) { return std::erf(x); };
  sink.unary("erf", erf, erf_formula);
  integers(sink, "erf", erf, erf_formula);

  const auto abs_formula = [](auto x) { return std::abs(x); };
  sink.unary("abs", abs, abs_formula, {.values = in({}).away_from(0), .exact = true});
  sink.add("abs", {.label = "integers", .inputs = {in({3, 4}).range(-9, 9)}, .run = abs, .reference = pointwise(abs_formula),
                   .dtypes = dtype_set({DType::i64, DType::i32, DType::i16, DType::i8})});
  sink.unary("square", square, [](auto x) { return x * x; }, {.dtypes = kNumbers});

  const auto sign_formula = [](auto x) { return x > 0 ? decltype(x)(1) : x < 0 ? decltype(x)(-1) : x; };
  sink.unary("sign", sign, sign_formula, {.values = in({}).away_from(0), .exact = true});
  sink.add("sign", {.label = "integers", .inputs = {in({3, 4}).range(-9, 9)}, .run = sign, .reference = pointwise(sign_formula),
                    .dtypes = kIntegers & ~dtype_set({DType::u8})});
  // A gradient of 0 between two integers; and far from there.
  const auto floor_formula = [](auto x) { return std::floor(x); };
  sink.unary("floor", floor, floor_formula, {.values = in({}).range(1.1, 1.9), .exact = true});
  const auto ceil_formula = [](auto x) { return std::ceil(x); };
  sink.unary("ceil", ceil, ceil_formula, {.values = in({}).range(1.1, 1.9), .exact = true});
  const auto round_formula = [](auto x) { return std::nearbyint(x); };
  sink.unary("round", round, round_formula, {.values = in({}).range(1.6, 2.4), .exact = true});
  const Input wide = in({50}).range(-20, 20), halves = in({8}).values({-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5, 1e6});
  const auto step = [&](const char* op, Tensor (*run)(const Tensor&), const Reference& reference) {
    sink.add(op, {.label = "wide", .inputs = {wide}, .run = run, .reference = reference, .grad = Grad::none, .exact = true});
    sink.add(op, {.label = "halves", .inputs = {halves}, .run = run, .reference = reference, .grad = Grad::none, .exact = true});
    sink.add(op, {.label = "integers", .inputs = {in({3, 4}).range(-9, 9)}, .run = run, .reference = reference,
                  .dtypes = kIntegers & ~dtype_set({DType::u8}), .exact = true});
  };
  step("floor", floor, pointwise(floor_formula));
  step("ceil", ceil, pointwise(ceil_formula));
  step("round", round, pointwise(round_formula));
}

}  // namespace farro::opcheck
