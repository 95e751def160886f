// SPDX-License-Identifier: Apache-2.0
// Samples of kernels/pointwise/compare.h.
#include <farro/kernels/pointwise/compare.h>
#include <farro/kernels/memory/factories.h>
#include <farro/tests/opcheck/errors.h>
#include <farro/tests/opcheck/sample.h>

#include <cmath>

namespace farro::opcheck {

namespace {

using BinaryFn = Tensor (*)(const Tensor&, const Tensor&);

// Values that are often equal, with NaN and both zeros.
template <class F>
void comparison(SampleSink& sink, const char* op, BinaryFn run, F formula) {
  sink.binary(op, run, formula, {.dtypes = kIntegers, .values = in({}).range(0, 3), .special = false, .exact = true});
  sink.add(op, {.label = "equal values and NaN",
                .inputs = {in({2, 6}).values({1, 2, NAN, 0, -0., INFINITY, 3, -4, NAN, 1, 1, -INFINITY}),
                           in({6}).values({1, 3, NAN, -0., 0, INFINITY})},
                .run = run, .reference = pointwise(formula), .exact = true, .zeros = true});
  sink.add(op, {.label = "mixed dtypes",
                .inputs = {in({2, 3}).range(-2, 2), in({3}).range(-2, 2).as(DType::i32)},
                .run = run, .reference = pointwise(formula), .exact = true, .zeros = true});
  sink.error<ShapeError>(op, [run] { return run(zeros({2}), zeros({3})); },
                         str(op, ": shapes must be equal or broadcast (sizes equal or 1), got [2] and [3] (dimension 0: 2 and 3)"));
  pair_errors(sink, op, run);
}

}  // namespace

void samples_compare(SampleSink& sink);
void samples_compare(SampleSink& sink) {
  comparison(sink, "eq", eq, [](auto x, auto y) { return x == y; });
  comparison(sink, "ne", ne, [](auto x, auto y) { return x != y; });
  comparison(sink, "lt", lt, [](auto x, auto y) { return x < y; });
  comparison(sink, "le", le, [](auto x, auto y) { return x <= y; });
  comparison(sink, "gt", gt, [](auto x, auto y) { return x > y; });
  comparison(sink, "ge", ge, [](auto x, auto y) { return x >= y; });
  // Numbers beside a tensor.
  sink.add("lt", {.label = "number", .inputs = {in({20})}, .run = [](const Tensor& a) { return a < 0.5; },
                  .reference = pointwise([](auto x) { return x < decltype(x)(0.5); }), .exact = true});
  sink.add("ge", {.label = "number", .inputs = {in({20})}, .run = [](const Tensor& a) { return a >= 1; },
                  .reference = pointwise([](auto x) { return x >= 1; }), .dtypes = kNumbers, .exact = true});

  comparison(sink, "logical_and", logical_and, [](auto x, auto y) { return x != 0 && y != 0; });
  comparison(sink, "logical_or", logical_or, [](auto x, auto y) { return x != 0 || y != 0; });
  comparison(sink, "logical_xor", logical_xor, [](auto x, auto y) { return (x != 0) != (y != 0); });
  sink.add("logical_and", {.label = "masks", .inputs = {mask_in({4, 5}), mask_in({5})}, .run = BinaryFn(logical_and),
                           .reference = pointwise([](auto x, auto y) { return x != 0 && y != 0; }), .exact = true});

  sink.unary("logical_not", logical_not, [](auto x) { return x == 0; }, {.dtypes = kIntegers, .special = false, .exact = true});
  sink.add("logical_not", {.label = "small values", .inputs = {in({6}).values({0, -0., 0.25, NAN, 1e-4, -3})}, .run = logical_not,
                           .reference = pointwise([](auto x) { return x == 0; }), .exact = true});
  const Input odd = in({3, 4}).values({NAN, 1, INFINITY, -INFINITY, 0, -0., 65504, NAN, NAN, -2, 3, INFINITY});
  sink.add("isnan", {.label = "odd values", .inputs = {odd}, .run = isnan,
                     .reference = pointwise([](auto x) { return std::isnan(x); }), .exact = true});
  sink.add("isfinite", {.label = "odd values", .inputs = {odd}, .run = isfinite,
                        .reference = pointwise([](auto x) { return std::isfinite(x); }), .exact = true});
  sink.add("isnan", {.label = "integers", .inputs = {in({3})}, .run = isnan,
                     .reference = pointwise([](auto) { return false; }), .dtypes = kIntegers, .exact = true});
  sink.add("isfinite", {.label = "integers", .inputs = {in({3})}, .run = isfinite,
                        .reference = pointwise([](auto) { return true; }), .dtypes = kIntegers, .exact = true});
  for (const Shape& sizes : {Shape{}, Shape{0, 2}, Shape{300}}) {
    sink.add("isnan", {.label = str(sizes), .inputs = {in(sizes)}, .run = isnan,
                       .reference = pointwise([](auto x) { return std::isnan(x); }), .exact = true, .zeros = true});
    sink.add("isfinite", {.label = str(sizes), .inputs = {in(sizes)}, .run = isfinite,
                          .reference = pointwise([](auto x) { return std::isfinite(x); }), .exact = true});
  }
}

}  // namespace farro::opcheck
