// SPDX-License-Identifier: Apache-2.0
// Samples of gather, scatter_add, index_select and index_add.
#include <farro/kernels/index/gather.h>
#include <farro/kernels/memory/factories.h>
#include <farro/tests/opcheck/sample.h>

namespace farro::opcheck {

namespace {

// The index tuple with entry `dim` replaced; nothing for a tensor without dimensions.
Dims moved(Dims at, int dim, int64_t to) {
  if (!at.empty()) at[dim] = to;
  return at;
}

void add_gathers(SampleSink& sink) {
  const auto add = [&](std::string label, const Shape& sizes, int dim, const Input& index) {
    const int d = dim < 0 ? dim + sizes.size() : dim;
    sink.add("gather", {.label = std::move(label),
                        .inputs = {in(sizes), index},
                        .run = [dim](const Tensor& x, const Tensor& at) { return gather(x, dim, at); },
                        .reference = Reference([d]<class T>(const Arrays<T>& in) {
                          NdArray<T> out(in[1].sizes);
                          for_each_index(out.sizes, [&](const Dims& at) {
                            out.at(at) = in[0].at(moved(at, d, static_cast<int64_t>(in[1].at(at))));
                          });
                          return out;
                        }),
                        .dtypes = kAnyDType,
                        .exact = true});
  };
  add("vector", {6}, 0, index_in({4}, 0, 6));
  add("rows", {5, 3}, 0, index_in({4, 3}, 0, 5));
  add("columns", {3, 5}, 1, index_in({3, 7}, 0, 5));
  add("index smaller than the input", {4, 5, 3}, 1, index_in({2, 4, 2}, 0, 5));
  add("counted from the end", {2, 3, 4}, -1, index_in({2, 3, 2}, 0, 4));
  add("no dimensions", {}, 0, index_in({}, 0, 1));
  add("nothing", {3, 4}, 0, index_in({0, 4}, 0, 3));
  add("one element", {1, 1}, 1, index_in({1, 1}, 0, 1));
  add("i32 index", {5, 3}, 0, index_in({4, 3}, 0, 5).as(DType::i32));
  const auto at = [](std::vector<int64_t> values, const Shape& sizes) { return tensor(values, sizes); };
  sink.error<IndexError>("gather", [at] { return gather(zeros({2, 3}), 1, at({0, 2, 1, 3}, {2, 2})); },
                         "gather: index must be at least 0 and below 3 (the size of dimension 1), got 3 at [1, 1] "
                         "(index: i64 [2, 2] cpu)");
  sink.error<IndexError>("gather", [at] { return gather(zeros({2, 3}), 1, at({0, -1}, {1, 2})); },
                         "gather: index must be at least 0 and below 3 (the size of dimension 1), got -1 at [0, 1] "
                         "(index: i64 [1, 2] cpu)");
  sink.error<ShapeError>("gather", [at] { return gather(zeros({2, 3}), 1, at({0, 1, 1}, {3, 1})); },
                         "gather: index must have input's 2 dimensions and, except in dimension 1, at most its sizes "
                         "[2, 3], got [3, 1] (index: i64 [3, 1] cpu)");
  sink.error<DTypeError>("gather", [] { return gather(zeros({2, 3}), 1, zeros({2, 1})); },
                         "gather: index must be i64 or i32, got f32 (index: f32 [2, 1] cpu)");
  sink.error<IndexError>("gather", [at] { return gather(zeros({2, 3}), 2, at({0}, {1, 1})); },
                         "gather: dim must be in [-2, 1], got 2");
}

void add_scatters(SampleSink& sink) {
  const auto add = [&](std::string label, const Shape& sizes, int dim, const Input& index, const Shape& src) {
    const int d = dim < 0 ? dim + sizes.size() : dim;
    sink.add("scatter_add",
             {.label = std::move(label),
              .inputs = {in(sizes), index, in(src)},
              .run = [dim](const Tensor& x, const Tensor& at, const Tensor& y) { return scatter_add(x, dim, at, y); },
              .reference = Reference([d](auto in) {
                for_each_index(in[1].sizes, [&](const Dims& at) {
                  in[0].at(moved(at, d, static_cast<int64_t>(in[1].at(at)))) += in[2].at(at);
                });
                return in[0];
              }),
              .dtypes = kNumbers});
  };
  add("vector", {4}, 0, index_in({9}, 0, 4), {9});
  add("rows", {3, 4}, 0, index_in({5, 4}, 0, 3), {5, 4});
  add("columns", {3, 4}, 1, index_in({3, 6}, 0, 4), {3, 6});
  add("index smaller than src and input", {4, 5, 3}, -2, index_in({2, 4, 2}, 0, 5), {3, 6, 2});
  add("no dimensions", {}, 0, index_in({}, 0, 1), {});
  add("nothing to add", {3}, 0, index_in({0}, 0, 3), {5});
  add("one element", {1, 1}, 1, index_in({1, 1}, 0, 1), {1, 1});
  add("i32 index", {3, 4}, 0, index_in({5, 4}, 0, 3).as(DType::i32), {5, 4});
  add("many to one place", {2}, 0, index_in({200}, 0, 2), {200});
  const auto at = [](std::vector<int64_t> values) { return tensor(values); };
  sink.error<IndexError>("scatter_add", [at] { return scatter_add(zeros({3}), 0, at({0, 3}), ones({2})); },
                         "scatter_add: index must be at least 0 and below 3 (the size of dimension 0), got 3 at [1] "
                         "(index: i64 [2] cpu)");
  sink.error<ShapeError>("scatter_add", [at] { return scatter_add(zeros({3}), 0, at({0, 1}), ones({1})); },
                         "scatter_add: src must be at least as big as index, got [1] and [2]");
  sink.error<ShapeError>("scatter_add", [at] { return scatter_add(zeros({3}), 0, at({0, 1}), ones({1, 2})); },
                         "scatter_add: src must have as many dimensions as index, got f32 [1, 2] cpu and i64 [2] cpu");
  sink.error<DTypeError>(
      "scatter_add", [at] { return scatter_add(zeros({3}), 0, at({0}), ones({1}, {.dtype = DType::f64})); },
      "scatter_add: src must have input's dtype f32, got f64 (src: f64 [1] cpu)");
}

// Shape of `sizes` with `count` slices along dim.
Shape slices(Shape sizes, int dim, int64_t count) {
  if (sizes.empty()) return Shape{};
  sizes[dim < 0 ? dim + sizes.size() : dim] = count;
  return sizes;
}

void add_index_selects(SampleSink& sink) {
  const auto add = [&](std::string label, const Shape& sizes, int dim, const Input& index) {
    const int d = dim < 0 ? dim + sizes.size() : dim;
    sink.add("index_select", {.label = std::move(label),
                              .inputs = {in(sizes), index},
                              .run = [dim](const Tensor& x, const Tensor& at) { return index_select(x, dim, at); },
                              .reference = Reference([d]<class T>(const Arrays<T>& in) {
                                NdArray<T> out(slices(in[0].sizes, d, in[1].numel()));
                                for_each_index(out.sizes, [&](const Dims& at) {
                                  out.at(at) = in[0].at(moved(at, d, in[1].integer(at.empty() ? 0 : at[d])));
                                });
                                return out;
                              }),
                              .dtypes = kAnyDType,
                              .exact = true});
  };
  add("vector", {6}, 0, index_in({4}, 0, 6));
  add("rows", {5, 3}, 0, index_in({7}, 0, 5));
  add("long rows", {5, 40}, 0, index_in({7}, 0, 5));
  add("columns", {3, 5}, 1, index_in({4}, 0, 5));
  add("middle", {2, 5, 3}, -2, index_in({4}, 0, 5));
  add("no dimensions", {}, 0, index_in({1}, 0, 1));
  add("index without dimensions", {4, 2}, 0, index_in({}, 0, 4));
  add("nothing", {3, 4}, 0, index_in({0}, 0, 3));
  add("i32 index", {5, 3}, 0, index_in({7}, 0, 5).as(DType::i32));
  const auto at = [](std::vector<int64_t> values, const Shape& sizes) { return tensor(values, sizes); };
  sink.error<IndexError>("index_select", [at] { return index_select(zeros({2, 3}), 0, at({1, 2}, {2})); },
                         "index_select: index must be at least 0 and below 2 (the size of dimension 0), got 2 at [1] "
                         "(index: i64 [2] cpu)");
  sink.error<ShapeError>("index_select", [at] { return index_select(zeros({2, 3}), 0, at({1, 0}, {1, 2})); },
                         "index_select: index must have one dimension, got i64 [1, 2] cpu");
  sink.error<DTypeError>("index_select", [] { return index_select(zeros({2, 3}), 0, zeros({2})); },
                         "index_select: index must be i64 or i32, got f32 (index: f32 [2] cpu)");
}

void add_index_adds(SampleSink& sink) {
  const auto add = [&](std::string label, const Shape& sizes, int dim, const Input& index) {
    const int d = dim < 0 ? dim + sizes.size() : dim;
    const int64_t count = checked_numel("index_add", index.sizes);
    sink.add("index_add",
             {.label = std::move(label),
              .inputs = {in(sizes), index, in(slices(sizes, d, count))},
              .run = [dim](const Tensor& x, const Tensor& at, const Tensor& y) { return index_add(x, dim, at, y); },
              .reference = Reference([d](auto in) {
                for_each_index(in[2].sizes, [&](const Dims& at) {
                  in[0].at(moved(at, d, in[1].integer(at.empty() ? 0 : at[d]))) += in[2].at(at);
                });
                return in[0];
              }),
              .dtypes = kNumbers});
  };
  add("vector", {4}, 0, index_in({9}, 0, 4));
  add("rows", {3, 4}, 0, index_in({6}, 0, 3));
  add("columns", {3, 4}, 1, index_in({6}, 0, 4));
  add("middle", {2, 4, 3}, -2, index_in({5}, 0, 4));
  add("no dimensions", {}, 0, index_in({}, 0, 1));
  add("nothing to add", {3, 2}, 0, index_in({0}, 0, 3));
  add("no slices", {0, 2}, 0, index_in({0}, 0, 1));
  add("i32 index", {3, 4}, 0, index_in({6}, 0, 3).as(DType::i32));
  const auto at = [](std::vector<int64_t> values) { return tensor(values); };
  sink.error<IndexError>("index_add", [at] { return index_add(zeros({2, 3}), 0, at({5}), ones({1, 3})); },
                         "index_add: index must be at least 0 and below 2 (the size of dimension 0), got 5 at [0] "
                         "(index: i64 [1] cpu)");
  sink.error<ShapeError>(
      "index_add", [at] { return index_add(zeros({2, 3}), 0, at({0, 1}), ones({1, 3})); },
      "index_add: src must have the shape [2, 3] of the slices that index names, got f32 [1, 3] cpu");
}

}  // namespace

void samples_gather(SampleSink& sink);
void samples_gather(SampleSink& sink) {
  add_gathers(sink);
  add_scatters(sink);
  add_index_selects(sink);
  add_index_adds(sink);
}

}  // namespace farro::opcheck
