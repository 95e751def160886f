// SPDX-License-Identifier: Apache-2.0
// Samples of kernels/pointwise/power.h.
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/pointwise/power.h>
#include <farro/tests/opcheck/errors.h>
#include <farro/tests/opcheck/sample.h>

#include <cmath>

namespace farro::opcheck {

void samples_power(SampleSink& sink);
void samples_power(SampleSink& sink) {
  const auto formula = [](auto x, auto y) { return std::pow(x, y); };
  const auto both = [](const Tensor& a, const Tensor& b) { return pow(a, b); };
  sink.binary("pow", both, formula, {.values = in({}).positive()});
  sink.add("pow", {.label = "whole exponents of any base", .inputs = {in({4, 1}).values({-1.5, 2, -0.25, 3}), in({5}).values({-2, -1, 1, 2, 3}).no_grad()},
                   .run = both, .reference = pointwise(formula)});
  sink.add("pow", {.label = "odd bases", .inputs = {in({7, 1}).values({0, -0., INFINITY, -INFINITY, NAN, 1, -1}), in({7}).values({0, 1, -1, 0.5, INFINITY, NAN, -3})},
                   .run = both, .reference = pointwise(formula), .grad = Grad::none});
  sink.add("pow", {.label = "integers", .inputs = {in({3, 4}).range(-3, 4), in({4}).range(0, 4)}, .run = both, .reference = pointwise(formula),
                   .dtypes = kIntegers & ~dtype_set({DType::u8})});
  sink.add("pow", {.label = "integers to negative powers", .inputs = {in({5, 1}).values({1, -1, 2, -2, 0}), in({2}).values({-1, -2})}, .run = both,
                   .reference = pointwise([](auto x, auto y) { return x == 0 ? decltype(x)(0) : std::trunc(std::pow(x, y)); }),
                   .dtypes = dtype_set({DType::i64, DType::i32, DType::i16, DType::i8})});
  sink.add("pow", {.label = "number as base", .inputs = {in({9})}, .run = [](const Tensor& b) { return pow(2.5, b); },
                   .reference = pointwise([](auto y) { return std::pow(decltype(y)(2.5), y); })});
  sink.error<ShapeError>("pow", [] { return pow(zeros({2}), zeros({3})); },
                         "pow: shapes must be equal or broadcast (sizes equal or 1), got [2] and [3] (dimension 0: 2 and 3)");

  for (const double exponent : {3., 1., 0., -2., 1.7, -0.3}) {
    const auto run = [exponent](const Tensor& a) { return pow(a, exponent); };
    sink.unary("pow_scalar", run, [exponent](auto x) { return std::pow(x, decltype(x)(exponent)); }, {.values = in({}).positive()});
  }
  sink.add("pow_scalar", {.label = "cube of any base", .inputs = {in({20})}, .run = [](const Tensor& a) { return a.pow(3); },
                          .reference = pointwise([](auto x) { return x * x * x; })});
  sink.add("pow_scalar", {.label = "integers", .inputs = {in({20}).range(-3, 4)}, .run = [](const Tensor& a) { return pow(a, 3); },
                          .reference = pointwise([](auto x) { return x * x * x; }), .dtypes = kIntegers & ~dtype_set({DType::u8})});
  sink.error<ValueError>("pow_scalar", [] { return pow(ones({2}, {.dtype = DType::i32}), -3); },
                         "pow: exponent must not be negative for integers, got -3 (base: i32 [2] cpu)");

  pair_errors(sink, "pow", pow, "base", "exponent");
}

}  // namespace farro::opcheck
