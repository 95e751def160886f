// SPDX-License-Identifier: Apache-2.0
// Samples of the random ops: what can be said of one call. Bits, moments and accuracy are in tests/kernels/random_test.cpp.
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/random/dropout.h>
#include <farro/kernels/random/random.h>
#include <farro/tests/opcheck/sample.h>
#include <farro/tests/opcheck/values.h>

namespace farro::opcheck {

namespace {

// The same numbers at every call.
Generator& fresh() {
  static thread_local Generator generator;
  generator.manual_seed(91);
  return generator;
}

// Every element must pass; shapes equal those of the input.
template <class Test>
std::function<void(const Tensors&, const Tensors&)> every(Test test) {
  return [test](const Tensors& in, const Tensors& out) {
    FARRO_CHECK(out[0].sizes() == in[0].sizes(), ShapeError, "random: got the shape ", out[0].sizes());
    for (double value : read(out[0])) FARRO_CHECK(test(value), ValueError, "random: got ", value);
  };
}

const Shape kShapes[] = {{}, {0}, {1}, {7}, {3, 5}, {2, 3, 2, 3}, {300}, {1, 4, 1}};

}  // namespace

void samples_random(SampleSink& sink);
void samples_random(SampleSink& sink) {
  for (const Shape& sizes : kShapes) {
    sink.add("uniform", {.label = str(sizes),
                         .inputs = {in(sizes)},
                         .run = [](const Tensor& x) { Tensor y = x.clone(); return uniform_(y, -1, 2, fresh()); },
                         .zeros = true,
                         .check = every([](double v) { return v >= -1 && v <= 2; })});
    sink.add("normal", {.label = str(sizes),
                        .inputs = {in(sizes)},
                        .run = [](const Tensor& x) { Tensor y = x.clone(); return normal_(y, 1, 2, fresh()); },
                        .zeros = true,
                        .check = every([](double v) { return std::abs(v - 1) < 14; })});
    sink.add("bernoulli_fill", {.label = str(sizes),
                                .inputs = {in(sizes)},
                                .run = [](const Tensor& x) { Tensor y = x.clone(); return bernoulli_(y, 0.3, fresh()); },
                                .dtypes = kAnyDType,
                                .zeros = true,
                                .check = every([](double v) { return v == 0 || v == 1; })});
    sink.add("randint", {.label = str(sizes),
                         .inputs = {in(sizes).as(DType::i64)},
                         .run = [](const Tensor& x) { return randint(-3, 5, x.sizes(), {.device = x.device()}, &fresh()); },
                         .zeros = true,
                         .check = every([](double v) { return v >= -3 && v < 5; })});
    sink.add("bernoulli", {.label = str(sizes),
                           .inputs = {in(sizes).range(0, 1)},
                           .run = [](const Tensor& p) { return bernoulli(p, &fresh()); },
                           .zeros = true,
                           .check = every([](double v) { return v == 0 || v == 1; })});
    sink.add("dropout", {.label = str(sizes),
                         .inputs = {in(sizes).away_from(0)},
                         .run = [](const Tensor& x) { return dropout(x, 0.25, true, &fresh()); },
                         .zeros = true,
                         .check = [](const Tensors& in, const Tensors& out) {
                           const auto x = read(in[0]), y = read(out[0]);
                           for (size_t i = 0; i < x.size(); ++i)
                             FARRO_CHECK(y[i] == 0 || std::abs(y[i] - x[i] / 0.75) <= 0.01 * std::abs(x[i]), ValueError,
                                         "dropout: got ", y[i], " for ", x[i]);
                         }});
  }
  sink.error<ValueError>("uniform", [] { return zeros({2}).uniform_(2, 1); },
                         "uniform_: low and high must be in order, and they and their distance values of f32, got low 2 and high 1");
  sink.error<ValueError>("uniform", [] { return zeros({2}).uniform_(-3e38, 3e38); },
                         "uniform_: low and high must be in order, and they and their distance values of f32, got low -3e+38 and high 3e+38");
  sink.error<ValueError>("uniform", [] { return zeros({2}, {.dtype = DType::f16}).uniform_(0, 7e4); },
                         "uniform_: low and high must be in order, and they and their distance values of f16, got low 0 and high 70000");
  sink.error<ValueError>("normal", [] { return zeros({2}).normal_(0, -1); },
                         "normal_: std must not be negative, got -1");
  sink.error<ValueError>("bernoulli_fill", [] { return zeros({2}).bernoulli_(1.5); },
                         "bernoulli_: p must be in [0, 1], got 1.5");
  sink.error<ValueError>("randint", [] { return randint(3, 3, {1}); },
                         "randint: low must be below high, got low 3 and high 3");
  sink.error<ValueError>("bernoulli", [] { return bernoulli(full({2}, 2.0)); },
                         "bernoulli: probabilities must be in [0, 1], got 2 at element 0 (p: f32 [2] cpu)");
  sink.error<ValueError>("dropout", [] { return dropout(zeros({2}), -0.1); }, "dropout: p must be in [0, 1], got -0.1");
}

}  // namespace farro::opcheck
