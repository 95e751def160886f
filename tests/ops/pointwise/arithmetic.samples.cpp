// SPDX-License-Identifier: Apache-2.0
// Samples of kernels/pointwise/arithmetic.h.
#include <farro/kernels/pointwise/arithmetic.h>
#include <farro/kernels/memory/factories.h>
#include <farro/tests/opcheck/errors.h>
#include <farro/tests/opcheck/sample.h>

namespace farro::opcheck {

void samples_arithmetic(SampleSink& sink);
void samples_arithmetic(SampleSink& sink) {
  const auto plain_add = [](const Tensor& a, const Tensor& b) { return add(a, b); };
  sink.binary("add", plain_add, [](auto x, auto y) { return x + y; }, {.dtypes = kNumbers});
  sink.add("add", {.label = "alpha",
                   .inputs = {in({3, 4}), in({4})},
                   .run = [](const Tensor& a, const Tensor& b) { return add(a, b, -2.5); },
                   .reference = pointwise([](auto x, auto y) { return x + decltype(x)(-2.5) * y; })});
  sink.add("add", {.label = "in place",
                   .inputs = {in({3, 4}), in({3, 1})},
                   .run = [](const Tensor& a, const Tensor& b) { return a.clone().add_(b, 3); },
                   .reference = pointwise([](auto x, auto y) { return x + 3 * y; }),
                   .dtypes = kNumbers});
  sink.add("add", {.label = "number",
                   .inputs = {in({5})},
                   .run = [](const Tensor& a) { return 1.5 + a; },
                   .reference = pointwise([](auto x) { return decltype(x)(1.5) + x; })});
  sink.error<ShapeError>("add", [] { return zeros({2}) + zeros({3}); },
                         "add: shapes must be equal or broadcast (sizes equal or 1), got [2] and [3] (dimension 0: 2 and 3)");
  sink.error<ValueError>("add", [] { return add(Tensor(), zeros({3})); },
                         "add: a must be a defined tensor, got an undefined one");
  sink.error<ShapeError>("add", [] { return zeros({2}).add_(zeros({3, 2})); },
                         "add_: the result must have the tensor's shape [2], got [3, 2]");
  sink.error<ValueError>("add", [] { return zeros({2, 1}).expand({2, 3}).add_(1); },
                         "add_: tensor must not hold an element twice (an expanded or overlapping view), got f32 [2, 3] cpu; clone() it first");
  sink.error<DTypeError>("add", [] { return zeros({2}, {.dtype = DType::i64}).add_(1.5); },
                         "add_: a result of dtype f32 must not be written to a tensor of a lower kind, got i64 [2] cpu");
  sink.error<AutogradError>("add", [] { return zeros({2}).set_requires_grad().add_(1); },
                         "add_: a leaf that requires a gradient must not be changed in place, got f32 [2] cpu; wrap the change in no_grad");

  sink.error<DTypeError>("add", [] { return add(ones({2}, {.dtype = DType::i64}), ones({2}, {.dtype = DType::i64}), 0.5); },
                         "add: alpha must be a whole number for integer tensors, got 0.5 (a: i64 [2] cpu, b: i64 [2] cpu)");

  sink.binary("sub", sub, [](auto x, auto y) { return x - y; }, {.dtypes = kNumbers});
  sink.add("sub", {.label = "from a number",
                   .inputs = {in({5})},
                   .run = [](const Tensor& a) { return 2 - a; },
                   .reference = pointwise([](auto x) { return 2 - x; }),
                   .dtypes = kNumbers});

  sink.binary("mul", mul, [](auto x, auto y) { return x * y; }, {.dtypes = kNumbers});
  sink.add("mul", {.label = "by itself",
                   .inputs = {in({5})},
                   .run = [](const Tensor& a) { return mul(a, a); },
                   .reference = pointwise([](auto x) { return x * x; }),
                   .dtypes = kNumbers});

  sink.binary("div", div, [](auto x, auto y) { return x / y; }, {.values = in({}).away_from(0, 0.2)});
  sink.add("div", {.label = "integers",
                   .inputs = {in({3, 4}).range(-9, 9), in({4}).range(1, 9)},
                   .run = div,
                   .reference = pointwise([](auto x, auto y) { return x / y; }),
                   .dtypes = kIntegers});

  sink.unary("neg", neg, [](auto x) { return -x; }, {.dtypes = kFloating, .exact = true});
  sink.add("neg", {.label = "integers",
                   .inputs = {in({3, 4}).range(-9, 9)},
                   .run = neg,
                   .reference = pointwise([](auto x) { return -x; }),
                   .dtypes = dtype_set({DType::i64, DType::i32, DType::i16, DType::i8})});
  sink.error<DTypeError>("neg", [] { return neg(zeros({2}, {.dtype = DType::boolean})); },
                         "neg: a must be a number, got bool (a: bool [2] cpu)");

  pair_errors(sink, "add", [](const Tensor& a, const Tensor& b) { return a + b; });
  pair_errors(sink, "sub", sub);
  pair_errors(sink, "mul", mul);
  pair_errors(sink, "div", div);
  number_errors(sink, "add", [](const Tensor& a, Scalar b) { return a + b; });
  number_errors(sink, "sub", [](const Tensor& a, Scalar b) { return a - b; });
  number_errors(sink, "mul", [](const Tensor& a, Scalar b) { return a * b; });
}

}  // namespace farro::opcheck
