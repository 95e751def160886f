// SPDX-License-Identifier: Apache-2.0
// Samples of sort and topk.
#include <farro/kernels/index/sort.h>
#include <farro/kernels/memory/factories.h>
#include <farro/tests/opcheck/sample.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace farro::opcheck {

namespace {

// {values, indices} of the first `count` along `dim`, in stable order; NaN is the greatest.
Reference sorted(int64_t count, int dim, bool descending) {
  return Reference([=]<class T>(const Arrays<T>& in) {
    Shape sizes = in[0].sizes;
    if (sizes.empty()) return Arrays<T>{in[0], NdArray<T>(sizes)};
    const int d = dim < 0 ? dim + sizes.size() : dim;
    const int64_t size = sizes[d];
    sizes[d] = count;
    Arrays<T> out{NdArray<T>(sizes), NdArray<T>(sizes)};
    const auto less = [](T a, T b) { return std::isnan(b) ? !std::isnan(a) : a < b; };
    for_each_index(sizes, [&](const Dims& index) {
      Dims at = index;
      std::vector<T> row;
      for (at[d] = 0; at[d] < size; ++at[d]) row.push_back(in[0].at(at));
      const auto value = [&](int64_t i) { return row[static_cast<size_t>(i)]; };
      std::vector<int64_t> order(static_cast<size_t>(size));
      std::iota(order.begin(), order.end(), int64_t{0});
      std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
        return descending ? less(value(b), value(a)) : less(value(a), value(b));
      });
      const int64_t from = order[static_cast<size_t>(index[d])];
      out[0].at(index) = value(from);
      out[1].at(index) = T(from);
    });
    return out;
  });
}

}  // namespace

void samples_sort(SampleSink& sink);
void samples_sort(SampleSink& sink) {
  constexpr DTypeSet kShort = dtype_set({DType::f32, DType::f64, DType::i64, DType::i8});
  const auto add_sort = [&](std::string label, const Input& input, int dim, bool descending, DTypeSet dtypes) {
    const int64_t size = input.sizes.empty() ? 1 : input.sizes[dim < 0 ? dim + input.sizes.size() : dim];
    sink.add("sort", {.label = str(label, descending ? ", descending" : ""),
                      .inputs = {input},
                      .run = [=](const Tensor& x) { return sort(x, dim, descending); },
                      .reference = sorted(size, dim, descending),
                      .dtypes = dtypes,
                      .exact = true});
  };
  for (const bool descending : {false, true}) {
    add_sort("vector", in({9}).distinct(), 0, descending, kFloating);
    add_sort("rows", in({3, 7}).distinct(), -1, descending, kF32F64);
    add_sort("columns", in({7, 3}).distinct(), 0, descending, kF32F64);
    add_sort("middle", in({2, 5, 3}).distinct(), 1, descending, kF32F64);
    add_sort("ties keep their order", in({40}).range(-3, 3).no_grad(), 0, descending, kIntegers);
    add_sort("bool", mask_in({3, 9}), 1, descending, kF32F64);
    add_sort("NaN, infinities and zeros", in({40}).special(), 0, descending, kFloating);
    add_sort("long", in({2, 700}).range(-50, 50).no_grad(), 1, descending, kShort);
    add_sort("no dimensions", in({}), -1, descending, kF32F64);
    add_sort("nothing", in({0, 3}), 0, descending, kF32F64);
    add_sort("rows of nothing", in({0, 3}), 1, descending, kF32F64);
    add_sort("one element", in({1, 1}), 0, descending, kF32F64);
  }
  const auto add_topk = [&](std::string label, const Input& input, int64_t k, int dim, bool largest, DTypeSet dtypes) {
    sink.add("sort", {.label = str("topk ", label, largest ? "" : ", smallest"),
                      .inputs = {input},
                      .run = [=](const Tensor& x) { return topk(x, k, dim, largest); },
                      .reference = sorted(k, dim, largest),
                      .dtypes = dtypes,
                      .exact = true});
  };
  for (const bool largest : {true, false}) {
    add_topk("vector", in({20}).distinct(), 5, 0, largest, kFloating);
    add_topk("columns", in({9, 3}).distinct(), 4, 0, largest, kF32F64);
    add_topk("one", in({3, 9}).distinct(), 1, -1, largest, kF32F64);
    add_topk("all", in({3, 6}).distinct(), 6, -1, largest, kF32F64);
    add_topk("none", in({3, 6}), 0, -1, largest, kF32F64);
    add_topk("ties", in({60}).range(-3, 3).no_grad(), 20, 0, largest, kIntegers);
    add_topk("NaN", in({40}).special(), 9, 0, largest, kFloating);
    add_topk("long", in({2, 700}).range(-500, 500).no_grad(), 17, 1, largest, kShort);
  }
  sink.error<ValueError>("sort", [] { return topk(zeros({2, 3}), 4).first; },
                         "topk: k must be at least 0 and at most 3 (the size of dimension 1), got 4");
  sink.error<IndexError>("sort", [] { return sort(zeros({2, 3}), 2).first; }, "sort: dim must be in [-2, 1], got 2");
}

}  // namespace farro::opcheck
