// SPDX-License-Identifier: Apache-2.0
// Samples of tril, triu, flip, roll and one_hot.
#include <farro/kernels/index/one_hot.h>
#include <farro/kernels/index/rearrange.h>
#include <farro/kernels/memory/factories.h>
#include <farro/tests/opcheck/sample.h>

namespace farro::opcheck {

namespace {

template <class Keep>
Reference kept(Keep keep) {
  return Reference([keep](auto in) {
    for_each_index(in[0].sizes, [&](const Dims& at) {
      if (!keep(at[at.size() - 2], at.back())) in[0].at(at) = 0;
    });
    return in[0];
  });
}

void add_triangles(SampleSink& sink) {
  const std::pair<Shape, int64_t> cases[] = {{{4, 4}, 0}, {{3, 5}, 1}, {{5, 3}, -1}, {{2, 3, 4}, 0}, {{2, 1, 3, 3}, -1},
                                             {{1, 1}, 0}, {{0, 3}, 0}, {{3, 0}, 0}, {{3, 4}, 100}, {{3, 4}, -100}};
  for (const auto& [sizes, diagonal] : cases) {
    const int64_t d = diagonal;
    sink.add("tril", {.label = str(sizes, " diagonal ", d),
                      .inputs = {in(sizes)},
                      .run = [d](const Tensor& x) { return tril(x, d); },
                      .reference = kept([d](int64_t i, int64_t j) { return j - i <= d; }),
                      .dtypes = kAnyDType,
                      .exact = true,
                      .zeros = d == -100});
    sink.add("triu", {.label = str(sizes, " diagonal ", d),
                      .inputs = {in(sizes)},
                      .run = [d](const Tensor& x) { return triu(x, d); },
                      .reference = kept([d](int64_t i, int64_t j) { return j - i >= d; }),
                      .dtypes = kAnyDType,
                      .exact = true,
                      .zeros = d == 100});
  }
  sink.error<ShapeError>("tril", [] { return tril(zeros({3})); },
                         "tril: input must have at least two dimensions, got f32 [3] cpu");
  sink.error<ShapeError>("triu", [] { return triu(zeros({})); },
                         "triu: input must have at least two dimensions, got f32 [] cpu");
}

// out[at] = in[source(at)].
template <class Source>
Reference moved(Source source) {
  return Reference([source](const auto& in) {
    auto out = in[0];
    for_each_index(out.sizes, [&](const Dims& at) { out.at(at) = in[0].at(source(at, out.sizes)); });
    return out;
  });
}

void add_flips(SampleSink& sink) {
  const std::pair<Shape, Dims> cases[] = {{{}, {}},        {{5}, {0}},          {{1}, {0}},          {{0}, {0}},
                                          {{3, 4}, {0}},   {{3, 4}, {-1}},      {{3, 4}, {0, 1}},    {{2, 3, 4}, {0, 2}},
                                          {{2, 3, 4}, {}}, {{2, 3, 4, 5}, {2}}, {{2, 1, 3}, {1, 2}}};
  for (const auto& [sizes, dims] : cases) {
    const Dims d = dims;
    sink.add("flip", {.label = str(sizes, " along ", d),
                      .inputs = {in(sizes)},
                      .run = [d](const Tensor& x) { return flip(x, d); },
                      .reference = moved([d](Dims at, const Shape& shape) {
                        for (int64_t k : d) {
                          const int i = static_cast<int>(k < 0 ? k + at.size() : k);
                          at[i] = shape[i] - 1 - at[i];
                        }
                        return at;
                      }),
                      .dtypes = kAnyDType,
                      .exact = true});
  }
  sink.error<ValueError>("flip", [] { return flip(zeros({2, 3}), {1, -1}); },
                         "flip: dims must name a dimension once, got [1, -1]");
  sink.error<IndexError>("flip", [] { return flip(zeros({2, 3}), {2}); }, "flip: dim must be in [-2, 1], got 2");
}

void add_rolls(SampleSink& sink) {
  struct Roll {
    Shape sizes;
    Dims shifts, dims;
    bool moves = true;  // else a plain copy
  };
  const Roll cases[] = {{{5}, {2}, {0}},      {{5}, {-7}, {0}},           {{3, 4}, {1}, {0}},
                        {{3, 4}, {2}, {-1}},  {{3, 4}, {1, -1}, {0, 1}},  {{2, 3, 4}, {5}, {1}},
                        {{0, 3}, {1}, {0}, false}, {{1, 3}, {1}, {0}, false}, {{3, 4}, {12}, {0}, false}};
  for (const auto& c : cases) {
    const Roll r = c;
    sink.add(r.moves ? "cat" : "copy", {.label = str("roll ", r.sizes, " by ", r.shifts, " along ", r.dims),
                     .inputs = {in(r.sizes)},
                     .run = [r](const Tensor& x) { return roll(x, r.shifts, r.dims); },
                     .reference = moved([r](Dims at, const Shape& shape) {
                       for (int k = 0; k < r.dims.size(); ++k) {
                         const int i = static_cast<int>(r.dims[k] < 0 ? r.dims[k] + at.size() : r.dims[k]);
                         at[i] = ((at[i] - r.shifts[k]) % shape[i] + shape[i]) % shape[i];
                       }
                       return at;
                     }),
                     .exact = true});
  }
  sink.add("cat", {.label = "roll all elements",
                   .inputs = {in({3, 4})},
                   .run = [](const Tensor& x) { return roll(x, {5}); },
                   .reference = moved([](const Dims& at, const Shape&) {
                     const int64_t from = (at[0] * 4 + at[1] + 7) % 12;
                     return Dims{from / 4, from % 4};
                   }),
                   .exact = true});
  sink.error<ValueError>("cat", [] { return roll(zeros({2, 3}), {1, 1}, {0}); },
                         "roll: shifts must have as many entries as dims, got [1, 1] and [0]");
  sink.error<ValueError>("cat", [] { return roll(zeros({2, 3}), {1, 1}); },
                         "roll: shifts must be one number without dims, got [1, 1]");
}

void add_one_hots(SampleSink& sink) {
  for (const Shape& sizes : {Shape{}, {0}, {1}, {7}, {3, 4}, {2, 1, 3}, {5, 0}, {2, 2, 2}})
    for (const DType dtype : {DType::i64, DType::i32})
      sink.add("one_hot", {.label = str(sizes, " ", dtype),
                           .inputs = {index_in(sizes, 0, 5).as(dtype)},
                           .run = [](const Tensor& x) { return one_hot(x, 5); },
                           .reference = Reference([]<class T>(const Arrays<T>& in) {
                             Shape shape = in[0].sizes;
                             shape.push_back(5);
                             NdArray<T> out(shape);
                             for_each_index(shape, [&](const Dims& at) {
                               Dims from = at;
                               from.erase(at.size() - 1);
                               out.at(at) = T(in[0].at(from) == T(at.back()));
                             });
                             return out;
                           }),
                           .exact = true});
  sink.error<IndexError>("one_hot", [] { return one_hot(tensor(std::vector<int64_t>{1, 3}), 3); },
                         "one_hot: index must be at least 0 and below 3 (the size of dimension 1), got 3 at [1] (index: "
                         "i64 [2] cpu)");
  sink.error<ValueError>("one_hot", [] { return one_hot(tensor(std::vector<int64_t>{1}), 0); },
                         "one_hot: num_classes must be positive, got 0");
  sink.error<DTypeError>("one_hot", [] { return one_hot(zeros({2}), 3); },
                         "one_hot: index must be i64 or i32, got f32 (index: f32 [2] cpu)");
  sink.error<ValueError>("one_hot", [] { return one_hot(zeros({0}, {.dtype = DType::i64})); },
                         "one_hot: num_classes must be given for an empty index, got i64 [0] cpu");
}

}  // namespace

void samples_rearrange(SampleSink& sink);
void samples_rearrange(SampleSink& sink) {
  add_triangles(sink);
  add_flips(sink);
  add_rolls(sink);
  add_one_hots(sink);
}

}  // namespace farro::opcheck
