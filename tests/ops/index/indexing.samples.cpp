// SPDX-License-Identifier: Apache-2.0
// Samples of index, index_put_, masked_select and nonzero.
#include <farro/kernels/index/indexing.h>
#include <farro/kernels/memory/factories.h>
#include <farro/tests/opcheck/sample.h>

namespace farro::opcheck {

namespace {

// An expression on the first input, with the shape of its result and where each of its elements comes from: a function
// of the inputs and the result's index.
template <class Source>
struct Case {
  std::string label;
  std::vector<Input> inputs;  // the tensor, then index tensors
  std::function<std::vector<TensorIndex>(const Tensors&)> expression;
  Shape sizes;
  Source source;
};
template <class Source>
Case(std::string, std::vector<Input>, std::function<std::vector<TensorIndex>(const Tensors&)>, Shape, Source)
    -> Case<Source>;

int64_t wrapped(double index, int64_t size) { return static_cast<int64_t>(index < 0 ? index + double(size) : index); }

// Reading, putting and adding.
template <class Source>
void add_case(SampleSink& sink, const Case<Source>& c) {
  const auto expression = c.expression;
  const auto sizes = c.sizes;
  const auto source = c.source;
  sink.add("index", {.label = c.label,
                     .inputs = c.inputs,
                     .run = [=](const Tensors& in) { return index(in[0], expression(in)); },
                     .reference = Reference([=]<class T>(const Arrays<T>& in) {
                       NdArray<T> out(sizes);
                       for_each_index(sizes, [&](const Dims& at) { out.at(at) = in[0].at(source(in, at)); });
                       return out;
                     }),
                     .dtypes = kAnyDType,
                     .exact = true});
  std::vector<Input> with_values = c.inputs;
  with_values.push_back(in(sizes));
  for (const bool accumulate : {false, true})
    sink.add("index_put", {.label = c.label + (accumulate ? ", added" : ""),
                           .inputs = with_values,
                           .run =
                               [=](const Tensors& in) {
                                 Tensor out = in[0].clone();
                                 return index_put_(out, expression(in), in.back(), accumulate);
                               },
                           .reference = Reference([=](auto in) {
                             for_each_index(sizes, [&](const Dims& at) {
                               auto& place = in[0].at(source(in, at));
                               place = in.back().at(at) + (accumulate ? place : 0);
                             });
                             return in[0];
                           }),
                           .dtypes = accumulate ? kNumbers : kAnyDType,
                           .exact = !accumulate});
}

void add_expressions(SampleSink& sink) {
  using E = std::vector<TensorIndex>;
  add_case(sink, Case{"vector by vector", {in({5}), index_in({7}, -5, 5)}, [](const Tensors& in) { return E{in[1]}; }, {7},
                      [](const auto& in, const Dims& at) { return Dims{wrapped(in[1](at[0]), 5)}; }});
  add_case(sink, Case{"rows", {in({4, 3}), index_in({2}, 0, 4)}, [](const Tensors& in) { return E{in[1]}; }, {2, 3},
                      [](const auto& in, const Dims& at) { return Dims{wrapped(in[1](at[0]), 4), at[1]}; }});
  add_case(sink, Case{"rows by a matrix", {in({4, 3}), index_in({2, 3}, 0, 4)}, [](const Tensors& in) { return E{in[1]}; },
                      {2, 3, 3},
                      [](const auto& in, const Dims& at) { return Dims{wrapped(in[1](at[0], at[1]), 4), at[2]}; }});
  add_case(sink, Case{"columns", {in({3, 4}), index_in({5}, -4, 4)},
                      [](const Tensors& in) { return E{Slice(), in[1]}; }, {3, 5},
                      [](const auto& in, const Dims& at) { return Dims{at[0], wrapped(in[1](at[1]), 4)}; }});
  add_case(sink, Case{"neighbours stay in place", {in({2, 4, 5, 3}), index_in({6}, 0, 4), index_in({6}, 0, 5)},
                      [](const Tensors& in) { return E{Slice(), in[1], in[2]}; }, {2, 6, 3},
                      [](const auto& in, const Dims& at) {
                        return Dims{at[0], wrapped(in[1](at[1]), 4), wrapped(in[2](at[1]), 5), at[2]};
                      }});
  add_case(sink, Case{"strangers go to the front", {in({4, 2, 5}), index_in({3}, 0, 4), index_in({3}, 0, 5)},
                      [](const Tensors& in) { return E{in[1], Slice(), in[2]}; }, {3, 2},
                      [](const auto& in, const Dims& at) {
                        return Dims{wrapped(in[1](at[0]), 4), at[1], wrapped(in[2](at[0]), 5)};
                      }});
  add_case(sink, Case{"index tensors broadcast", {in({4, 5}), index_in({3, 1}, 0, 4), index_in({2}, 0, 5)},
                      [](const Tensors& in) { return E{in[1], in[2]}; }, {3, 2},
                      [](const auto& in, const Dims& at) {
                        return Dims{wrapped(in[1](at[0], 0), 4), wrapped(in[2](at[1]), 5)};
                      }});
  add_case(sink, Case{"number, slice, None and Ellipsis around", {in({3, 6, 2, 4}), index_in({3}, 0, 4)},
                      [](const Tensors& in) { return E{1, Slice(1, None, 2), None, Ellipsis, in[1]}; }, {3, 1, 2, 3},
                      [](const auto& in, const Dims& at) {
                        return Dims{1, 1 + 2 * at[0], at[2], wrapped(in[1](at[3]), 4)};
                      }});
  add_case(sink, Case{"i32 index", {in({4, 3}), index_in({2}, -4, 4).as(DType::i32)},
                      [](const Tensors& in) { return E{in[1]}; }, {2, 3},
                      [](const auto& in, const Dims& at) { return Dims{wrapped(in[1](at[0]), 4), at[1]}; }});
  add_case(sink, Case{"no places", {in({4, 3}), index_in({0}, 0, 4)}, [](const Tensors& in) { return E{in[1]}; }, {0, 3},
                      [](const auto&, const Dims& at) { return at; }});
  add_case(sink, Case{"one element", {in({1}), index_in({1}, 0, 1)}, [](const Tensors& in) { return E{in[1]}; }, {1},
                      [](const auto&, const Dims&) { return Dims{0}; }});
  add_case(sink, Case{"long rows", {in({3, 40}), index_in({5}, 0, 3)}, [](const Tensors& in) { return E{in[1]}; }, {5, 40},
                      [](const auto& in, const Dims& at) { return Dims{wrapped(in[1](at[0]), 3), at[1]}; }});
}

// The flat places where a mask, broadcast to `sizes`, is true.
template <class T>
std::vector<Dims> true_places(const NdArray<T>& mask, const Shape& sizes) {
  std::vector<Dims> places;
  for_each_index(sizes, [&](const Dims& at) {
    if (mask.broadcast_at(at) != 0) places.push_back(at);
  });
  return places;
}

void add_masks(SampleSink& sink) {
  const std::vector<double> pattern{1, 0, 1, 1, 0, 0, 1, 0, 1, 1, 1, 0};
  const Input mask = mask_in({3, 4}).values(pattern);
  const Reference chosen([]<class T>(const Arrays<T>& in) {
    const auto places = true_places(in[1], in[0].sizes);
    NdArray<T> out({static_cast<int64_t>(places.size())});
    for (size_t i = 0; i < places.size(); ++i) out.data[i] = in[0].at(places[i]);
    return out;
  });
  const auto run = [](const Tensor& x, const Tensor& m) { return x.index({m}); };
  sink.add("index", {.label = "mask", .inputs = {in({3, 4}), mask}, .run = run, .reference = chosen, .dtypes = kAnyDType,
                     .exact = true, .needs_values = true});
  sink.add("index", {.label = "mask with rows",
                     .inputs = {in({3, 2}), mask_in({3}).values({1, 0, 1})},
                     .run = run,
                     .reference = Reference([]<class T>(const Arrays<T>& in) {
                       NdArray<T> out({2, 2});
                       for_each_index(out.sizes, [&](const Dims& at) { out.at(at) = in[0](at[0] * 2, at[1]); });
                       return out;
                     }),
                     .exact = true,
                     .needs_values = true});
  sink.add("copy_into", {.label = "index_put_ by slices",
                         .inputs = {in({3, 4}), in({2})},
                         .run =
                             [](const Tensor& x, const Tensor& value) {
                               return x.clone().index_put_({Slice(0, 2), 1}, value);
                             },
                         .reference = Reference([](auto in) {
                           for (int64_t i = 0; i < 2; ++i) in[0](i, 1) = in[1](i);
                           return in[0];
                         }),
                         .exact = true});
  for (const auto& [sizes, mask_sizes] : {std::pair<Shape, Shape>{{3, 4}, {3, 4}}, {{3, 4}, {4}}, {{0, 2}, {2}}, {{}, {}}})
    sink.add("index_select", {.label = str("masked_select ", sizes, " by ", mask_sizes),
                              .inputs = {in(sizes), mask_in(mask_sizes)},
                              .run = [](const Tensor& x, const Tensor& m) { return masked_select(x, m); },
                              .reference = chosen,
                              .dtypes = kAnyDType,
                              .exact = true,
                              .needs_values = true});
}

void add_nonzeros(SampleSink& sink) {
  for (const Shape& sizes : {Shape{}, {0}, {1}, {7}, {3, 4}, {2, 0, 3}, {2, 3, 4}, {1, 5, 1}, {70'000}})
    sink.add("nonzero", {.label = str(sizes),
                         .inputs = {in(sizes).range(-1, 2)},
                         .run = [](const Tensor& x) { return nonzero(x); },
                         .reference = Reference([]<class T>(const Arrays<T>& in) {
                           const auto places = true_places(in[0], in[0].sizes);
                           const int64_t rank = in[0].rank();
                           NdArray<T> out({static_cast<int64_t>(places.size()), rank});
                           for_each_index(out.sizes, [&](const Dims& at) {
                             out.at(at) = T(places[static_cast<size_t>(at[0])][static_cast<int>(at[1])]);
                           });
                           return out;
                         }),
                         .dtypes = dtype_set({DType::i64, DType::u8, DType::boolean, DType::f32}),
                         .exact = true,
                         .needs_values = true});
  sink.error<IndexError>("nonzero", [] { return zeros({2, 3}).index({zeros({3}, {.dtype = DType::boolean})}); },
                         "index: a mask must have the sizes of the dimensions it covers, got [3] for dimensions 0 to 0 "
                         "of [2, 3]");
}

void add_errors(SampleSink& sink) {
  const auto at = [](std::vector<int64_t> values) { return tensor(values); };
  sink.error<IndexError>("index", [at] { return zeros({2, 3}).index({Slice(), at({0, -4})}); },
                         "index: index must be at least -3 and below 3 (the size of dimension 1), got -4 at [1] (index: "
                         "i64 [2] cpu)");
  sink.error<IndexError>("index", [] { return zeros({2, 3}).index({2}); },
                         "index: index must be at least -2 and below 2 (the size of dimension 0), got 2");
  sink.error<IndexError>("index", [] { return zeros({2, 3}).index({0, 0, 0}); },
                         "index: at most 2 dimensions must be indexed, got 3 (tensor: f32 [2, 3] cpu)");
  sink.error<IndexError>("index", [] { return zeros({2, 3}).index({Ellipsis, Ellipsis}); },
                         "index: at most one Ellipsis must be given, got 2");
  sink.error<DTypeError>("index", [] { return zeros({2, 3}).index({zeros({2})}); },
                         "index: index must be i64, i32 or a bool mask, got f32 (index: f32 [2] cpu)");
  sink.error<ValueError>("index", [] { return zeros({2, 3}).index({Slice(0, 2, -1)}); },
                         "index: step must be positive, got -1");
  sink.error<ShapeError>("index", [at] { return zeros({2, 3}).index({at({0, 1}), at({0, 1, 2})}); },
                         "index: shapes must be equal or broadcast (sizes equal or 1), got [2] and [3] (dimension 0: 2 "
                         "and 3)");
  sink.error<ShapeError>("index_put", [at] { return zeros({2, 3}).index_put_({at({0, 1})}, zeros({2})); },
                         "index_put_: values must broadcast to the shape [2, 3] of the indexed part, got f32 [2] cpu");
  sink.error<IndexError>("index_put", [at] { return zeros({2, 3}).index_put_({at({0, 2})}, zeros({})); },
                         "index_put_: index must be at least -2 and below 2 (the size of dimension 0), got 2 at [1] "
                         "(index: i64 [2] cpu)");
  sink.error<DTypeError>("index_select", [] { return masked_select(zeros({2}), zeros({2})); },
                         "masked_select: mask must be bool, got f32 (mask: f32 [2] cpu)");
}

}  // namespace

void samples_indexing(SampleSink& sink);
void samples_indexing(SampleSink& sink) {
  add_expressions(sink);
  add_masks(sink);
  add_nonzeros(sink);
  add_errors(sink);
}

}  // namespace farro::opcheck
