// SPDX-License-Identifier: Apache-2.0
// Samples of kernels/reduce/scan.h.
#include <farro/kernels/reduce/scan.h>
#include <farro/kernels/reduce/scan.op.h>
#include <farro/tests/ops/reduce/reduction.h>

namespace farro::opcheck {

namespace {

// out[i] = formula(line of in[0], line of in[1], ..., i) along `dim`.
template <class F>
Reference along(int64_t dim, F formula) {
  return Reference([=]<class T>(const Arrays<T>& in) {
    NdArray<T> out(in[0].sizes);
    const int axis = static_cast<int>(dim < 0 ? dim + out.rank() : dim);
    for_each_index(out.sizes, [&](const Dims& index) {
      std::vector<std::vector<T>> lines(in.size());
      Dims at = index;
      const int64_t length = out.rank() ? out.sizes[axis] : 1;
      for (int64_t i = 0; i < length; ++i) {
        if (out.rank()) at[axis] = i;
        for (size_t k = 0; k < in.size(); ++k) lines[k].push_back(in[k].at(at));
      }
      out.at(index) = formula(lines, static_cast<size_t>(out.rank() ? index[axis] : 0));
    });
    return out;
  });
}

template <class T>
T product_without(const std::vector<T>& x, size_t i, size_t k) {
  T product = 1;
  for (size_t j = 0; j < x.size(); ++j)
    if (j != i && j != k) product *= x[j];
  return product;
}

struct Case {
  Shape sizes;
  int64_t dim;
};
const Case kCases[] = {{{}, 0}, {{1}, 0}, {{7}, -1}, {{0}, 0}, {{0, 3}, 1}, {{2, 0}, 1}, {{3, 4}, 0}, {{3, 4}, 1}, {{2, 3, 4}, 1}, {{2, 2, 3, 2}, -2}};

}  // namespace

void samples_scan(SampleSink& sink);
void samples_scan(SampleSink& sink) {
  const auto product = [](const auto& values) {
    std::decay_t<decltype(values[0])> result = 1;
    for (const auto value : values) result *= value;
    return result;
  };
  add_reductions(sink, "prod", prod, product, {.values = in({}).range(0.7, 1.4)});
  sink.add("prod", {.label = "zeros among the factors", .inputs = {in({3, 4}).values({2, 0, 3, -1, 0, 2, 0, 5, 1.5, 2, 3, -4})},
                    .run = [](const Tensor& t) { return prod(t, {1}); },
                    .reference = Reference([=]<class T>(const Arrays<T>& in) { return reduce(in[0], {1}, false, product); })});
  sink.add("prod", {.label = "integers", .inputs = {in({3, 5}).range(-3, 4)}, .run = [](const Tensor& t) { return prod(t, {1}); },
                    .reference = Reference([=]<class T>(const Arrays<T>& in) { return reduce(in[0], {1}, false, product); }),
                    .dtypes = kIntegers & ~dtype_set({DType::u8}), .zeros = true});

  for (const auto& [sizes, d] : kCases) {
    const int64_t dim = d;
    const std::string label = str(sizes, " along ", dim);
    sink.add("cumsum", {.label = label, .inputs = {in(sizes)}, .run = [dim](const Tensor& t) { return cumsum(t, dim); },
                        .reference = along(dim, [](const auto& lines, size_t i) {
                          auto sum = lines[0][0];
                          for (size_t j = 1; j <= i; ++j) sum += lines[0][j];
                          return sum;
                        }),
                        .dtypes = kNumbers, .zeros = true});
    const Input factor = in(sizes).range(-1.5, 1.5);
    sink.add("prod_others", {.label = label, .inputs = {factor}, .run = [dim](const Tensor& t) { return prod_others(t, dim); },
                             .reference = along(dim, [](const auto& lines, size_t i) { return product_without(lines[0], i, i); })});
    sink.add("prod_others_backward", {.label = label, .inputs = {in(sizes), factor},
                                      .run = [dim](const Tensor& g, const Tensor& t) { return prod_others_backward(g, t, dim); },
                                      .reference = along(dim, [](const auto& lines, size_t i) {
                                        auto sum = lines[0][0] * 0;
                                        for (size_t k = 0; k < lines[0].size(); ++k)
                                          if (k != i) sum += lines[0][k] * product_without(lines[1], i, k);
                                        return sum;
                                      }),
                                      .zeros = true});
  }
  for (const Shape& sizes : {Shape{700}, Shape{3, 600}, Shape{600, 3}})
    sink.add("cumsum", {.label = str("blocks of ", sizes), .inputs = {in(sizes)}, .run = [](const Tensor& t) { return cumsum(t, t.dim() == 2 && t.size(0) > 3 ? 0 : -1); },
                        .reference = along(sizes.size() == 2 && sizes[0] > 3 ? 0 : -1, [](const auto& lines, size_t i) {
                          auto sum = lines[0][0];
                          for (size_t j = 1; j <= i; ++j) sum += lines[0][j];
                          return sum;
                        }),
                        .grad = Grad::none});
  sink.error<IndexError>("cumsum", [] { return cumsum(zeros({2, 3}), 2); }, "cumsum: dim must be in [-2, 1], got 2");
  sink.error<DTypeError>("prod_others", [] { return prod_others(zeros({2}, {.dtype = DType::i32}), 0); },
                         "prod_others: input must be floating, got i32 (input: i32 [2] cpu)");
  sink.error<ShapeError>("prod_others_backward", [] { return prod_others_backward(zeros({3}), zeros({2}), 0); },
                         "prod_others_backward: grad must have the input's shape [2], got f32 [3] cpu");
}

}  // namespace farro::opcheck
