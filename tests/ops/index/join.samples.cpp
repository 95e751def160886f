// SPDX-License-Identifier: Apache-2.0
// Samples of cat, and of stack and repeat, which are made of it and of views.
#include <farro/kernels/index/join.h>
#include <farro/kernels/index/repeat.fn.h>
#include <farro/kernels/index/stack.fn.h>
#include <farro/kernels/memory/factories.h>
#include <farro/tests/opcheck/sample.h>

namespace farro::opcheck {

namespace {

// Arrays of equal sizes but along `dim`, one after another; arrays of shape [0] are passed over.
Reference joined(int dim) {
  return Reference([dim]<class T>(const Arrays<T>& in) {
    const auto passed_over = [](const NdArray<T>& array) { return array.rank() == 1 && array.numel() == 0; };
    const NdArray<T>* like = &in[0];
    for (const auto& array : in)
      if (!passed_over(array)) like = &array;
    NdArray<T> out = *like;
    out.sizes[dim] = 0;
    for (const auto& array : in)
      if (!passed_over(array)) out.sizes[dim] += array.size(dim);
    out = NdArray<T>(out.sizes);
    int64_t at = 0;
    for (const auto& array : in) {
      if (passed_over(array)) continue;
      for_each_index(array.sizes, [&](Dims index) {
        const T value = array.at(index);
        index[dim] += at;
        out.at(index) = value;
      });
      at += array.size(dim);
    }
    return out;
  });
}

void add_cats(SampleSink& sink) {
  const auto add = [&](std::string label, std::vector<Input> inputs, int dim) {
    const int rank = inputs.back().sizes.size();
    sink.add("cat", {.label = std::move(label),
                     .inputs = std::move(inputs),
                     .run = [dim](const Tensors& in) { return cat(in, dim); },
                     .reference = joined(dim < 0 ? dim + rank : dim),
                     .dtypes = kAnyDType,
                     .exact = true});
  };
  add("rows", {in({2, 3}), in({4, 3})}, 0);
  add("columns", {in({2, 3}), in({2, 1}), in({2, 5})}, 1);
  add("middle of three, counted from the end", {in({2, 3, 4}), in({2, 2, 4})}, -2);
  add("vectors", {in({3}), in({1}), in({4})}, 0);
  add("one tensor", {in({2, 3})}, 0);
  add("an empty part", {in({2, 3}), in({0, 3}), in({1, 3})}, 0);
  add("a tensor of shape [0] is passed over", {in({0}), in({2, 3})}, 1);
  add("all empty", {in({2, 0}), in({3, 0})}, 0);
  add("channels", {in({2, 1, 3, 3}), in({2, 2, 3, 3})}, 1);
  sink.add("cat", {.label = "dtypes promote",
                   .inputs = {in({2}), index_in({3}, -5, 5)},
                   .run = [](const Tensors& in) { return cat(in); },
                   .reference = joined(0),
                   .exact = true});
  sink.error<ValueError>("cat", [] { return cat(std::vector<Tensor>{}); },
                         "cat: tensors must not be empty, got an empty list");
  sink.error<ShapeError>("cat", [] { return cat({zeros({}), zeros({})}); },
                         "cat: tensors must have at least one dimension, got f32 [] cpu; stack makes a new one");
  sink.error<ShapeError>("cat", [] { return cat({zeros({2, 3}), zeros({2, 4})}); },
                         "cat: sizes must agree except in dimension 0, got [2, 3] and [2, 4] (tensor 1: f32 [2, 4] cpu)");
  sink.error<ShapeError>("cat", [] { return cat({zeros({2, 3}), zeros({3})}); },
                         "cat: sizes must agree except in dimension 0, got [2, 3] and [3] (tensor 1: f32 [3] cpu)");
  sink.error<IndexError>("cat", [] { return cat({zeros({2, 3})}, 2); }, "cat: dim must be in [-2, 1], got 2");
}

void add_stacks(SampleSink& sink) {
  const auto add = [&](std::string label, const Shape& sizes, int dim, int at) {
    sink.function("stack", {.label = std::move(label),
                     .inputs = {in(sizes), in(sizes)},
                     .run = [dim](const Tensors& in) { return stack(in, dim); },
                     .reference = Reference([at](auto arrays) {
                       for (auto& array : arrays) array.sizes.insert(at, 1);
                       return joined(at)(arrays)[0];
                     }),
                     .exact = true});
  };
  add("scalars", {}, 0, 0);
  add("in front", {2, 3}, 0, 0);
  add("in the middle", {2, 3}, 1, 1);
  add("behind", {2, 3}, -1, 2);
  sink.error<ShapeError>("stack", [] { return stack({zeros({2}), zeros({3})}); },
                         "stack: shapes must be equal, got [2] and [3] (tensor 1: f32 [3] cpu)");
  sink.error<ValueError>("stack", [] { return stack(std::vector<Tensor>{}); },
                         "stack: tensors must not be empty, got an empty list");
}

void add_repeats(SampleSink& sink) {
  const auto add = [&](std::string label, const Shape& sizes, const Dims& repeats) {
    sink.function("repeat", {.label = std::move(label),
                      .inputs = {in(sizes)},
                      .run = [repeats](const Tensor& x) { return repeat(x, repeats); },
                      .reference = Reference([repeats](auto arrays) {
                        auto source = arrays[0];
                        while (source.rank() < repeats.size()) source.sizes.insert(0, 1);
                        auto out = source;
                        for (int d = 0; d < repeats.size(); ++d) out.sizes[d] *= repeats[d];
                        out.data.assign(static_cast<size_t>(checked_numel("repeat", out.sizes)), 0);
                        for_each_index(out.sizes, [&](const Dims& at) {
                          Dims from = at;
                          for (int d = 0; d < from.size(); ++d) from[d] %= source.sizes[d];
                          out.at(at) = source.at(from);
                        });
                        return out;
                      }),
                      .exact = true});
  };
  add("repeat a scalar", {}, {3});
  add("repeat once", {2, 3}, {1, 1});
  add("repeat rows and columns", {2, 3}, {2, 3});
  add("repeat with new dimensions", {2}, {2, 1, 3});
  add("repeat never", {2, 3}, {0, 2});
  add("repeat nothing", {0, 3}, {2, 2});
  add("repeat in 8 dimensions", {1, 2, 1, 2, 1, 1, 2, 1}, {2, 1, 1, 2, 1, 1, 2, 1});
  sink.error<ShapeError>("repeat", [] { return repeat(zeros({2, 3}), {2}); },
                         "repeat: repeats must have an entry for each of the 2 dimensions, got [2]");
  sink.error<ValueError>("repeat", [] { return repeat(zeros({2, 3}), {2, -1}); },
                         "repeat: repeats must not be negative, got [2, -1]");
}

}  // namespace

void samples_join(SampleSink& sink);
void samples_join(SampleSink& sink) {
  add_cats(sink);
  add_stacks(sink);
  add_repeats(sink);
}

}  // namespace farro::opcheck
