// SPDX-License-Identifier: Apache-2.0
// Samples of kernels/matmul/matmul.h.
#include <farro/kernels/matmul/matmul.h>
#include <farro/kernels/memory/factories.h>
#include <farro/tests/opcheck/sample.h>

namespace farro::opcheck {

namespace {

// Batches broadcast; vectors act as rows and columns.
template <class T>
NdArray<T> product(NdArray<T> a, NdArray<T> b) {
  const bool row = a.rank() == 1, column = b.rank() == 1;
  if (row) a.sizes.insert(0, 1);
  if (column) b.sizes.push_back(1);
  const auto batch = [](const Shape& sizes) {
    return Shape(std::span<const int64_t>(sizes).first(static_cast<size_t>(sizes.size() - 2)));
  };
  Shape sizes = broadcast_shapes("reference", batch(a.sizes), batch(b.sizes));
  sizes.push_back(a.size(-2));
  sizes.push_back(b.size(-1));
  NdArray<T> out(sizes);
  const int rank = sizes.size();
  for_each_index(sizes, [&](const Dims& at) {
    Dims left = at, right = at;
    for (int64_t p = 0; p < a.size(-1); ++p) {
      left[rank - 1] = p;
      right[rank - 2] = p;
      // broadcast_at() looks at sizes of 1 too, which the inner dimensions must not.
      const auto element = [](const NdArray<T>& x, Dims index) {
        const int lead = index.size() - x.rank();
        Dims own = x.sizes;
        for (int i = 0; i < x.rank(); ++i) own[i] = x.sizes[i] == 1 ? 0 : index[lead + i];
        return x.at(own);
      };
      out.at(at) += element(a, left) * element(b, right);
    }
  });
  if (column) out.sizes.erase(rank - 1);
  if (row) out.sizes.erase(column ? out.rank() - 1 : out.rank() - 2);
  return out;
}

const Reference kProduct([](const auto& in) { return product(in[0], in[1]); });

template <class T>
NdArray<T> linear_reference(const Arrays<T>& in) {
  Shape sizes = in[0].sizes;
  sizes[sizes.size() - 1] = in[1].size(0);
  NdArray<T> out(sizes);
  for_each_index(sizes, [&](const Dims& at) {
    Dims from = at;
    T sum = in[2].numel() && in[2].rank() ? in[2](at.back()) : T(0);
    for (int64_t p = 0; p < in[1].size(1); ++p) {
      from[from.size() - 1] = p;
      sum += in[0].at(from) * in[1](at.back(), p);
    }
    out.at(at) = sum;
  });
  return out;
}

Sample matmul_sample(const Shape& a, const Shape& b) {
  return {.label = str(a, " x ", b),
          .inputs = {in(a), in(b)},
          .run = matmul,
          .reference = kProduct,
          .zeros = a.back() == 0};
}

Sample linear_sample(const Shape& x, const Shape& weight) {
  return {.label = str(x, " x ", weight),
          .inputs = {in(x), in(weight), in({weight[0]})},
          .run = linear,
          .reference = Reference([](const auto& arrays) { return linear_reference(arrays); })};
}

}  // namespace

void samples_matmul(SampleSink& sink);
void samples_matmul(SampleSink& sink) {
  using Pair = std::pair<Shape, Shape>;
  for (const auto& [a, b] : {Pair{{3, 4}, {4, 5}}, Pair{{1, 1}, {1, 1}}, Pair{{4}, {4}}, Pair{{4}, {4, 3}}, Pair{{3, 4}, {4}},
                             Pair{{3, 0}, {0, 5}}, Pair{{0, 3}, {3, 2}}, Pair{{2, 3, 4}, {4, 5}}, Pair{{2, 3, 4}, {2, 4, 5}},
                             Pair{{3, 4}, {2, 4, 2}}, Pair{{2, 1, 3, 4}, {3, 4, 2}}, Pair{{17, 9}, {9, 33}}})
    sink.add("matmul", matmul_sample(a, b));
  // Sizes that fill the blocks of the kernels and leave rests; differences over so many elements say nothing more.
  for (const auto& [a, b] : {Pair{{70, 130}, {130, 90}}, Pair{{130, 900}, {900, 40}}, Pair{{300, 20}, {20, 300}},
                             Pair{{1, 700}, {700, 70}}, Pair{{70, 700}, {700, 1}}, Pair{{9, 40, 33}, {9, 33, 40}}}) {
    Sample sample = matmul_sample(a, b);
    sample.grad = Grad::none;
    sink.add("matmul", sample);
  }
  sink.add("matmul", {.label = "integers",
                      .inputs = {in({5, 7}).range(-9, 9), in({7, 6}).range(-9, 9)},
                      .run = matmul,
                      .reference = kProduct,
                      .dtypes = dtype_set({DType::i64, DType::i32, DType::i16}),
                      .exact = true});
  sink.add("matmul", {.label = "bytes",
                      .inputs = {in({5, 3}).range(0, 5), in({3, 6}).range(0, 5)},
                      .run = matmul,
                      .reference = kProduct,
                      .dtypes = dtype_set({DType::i8, DType::u8}),
                      .exact = true});
  sink.add("matmul", {.label = "both transposed",
                      .inputs = {in({4, 3}), in({5, 4})},
                      .run = [](const Tensor& a, const Tensor& b) { return matmul(a.t(), b.t()); },
                      .reference = Reference([]<class T>(const Arrays<T>& arrays) {
                        NdArray<T> out({3, 5});
                        for_each_index(out.sizes, [&](const Dims& at) {
                          for (int64_t p = 0; p < 4; ++p) out.at(at) += arrays[0](p, at[0]) * arrays[1](at[1], p);
                        });
                        return out;
                      })});
  sink.add("matmul", {.label = "bmm", .inputs = {in({3, 2, 4}), in({3, 4, 2})}, .run = bmm, .reference = kProduct});
  sink.add("matmul", {.label = "addmm",
                      .inputs = {in({5}), in({3, 4}), in({4, 5})},
                      .run = [](const Tensor& c, const Tensor& a, const Tensor& b) { return addmm(c, a, b, 0.5, -2); },
                      .reference = Reference([]<class T>(const Arrays<T>& arrays) {
                        NdArray<T> out = product(arrays[1], arrays[2]);
                        for_each_index(out.sizes, [&](const Dims& at) {
                          out.at(at) = arrays[0].broadcast_at(at) / 2 - 2 * out.at(at);
                        });
                        return out;
                      })});
  for (const double beta : {0.0, 1.0, 2.0})
    sink.add("matmul", {.label = str("addmm of integers, beta ", beta),
                        .inputs = {in({5}).range(-9, 9), in({3, 4}).range(-9, 9), in({4, 5}).range(-9, 9)},
                        .run = [beta](const Tensor& c, const Tensor& a, const Tensor& b) { return addmm(c, a, b, beta, -3); },
                        .reference = Reference([beta]<class T>(const Arrays<T>& arrays) {
                          NdArray<T> out = product(arrays[1], arrays[2]);
                          for_each_index(out.sizes, [&](const Dims& at) {
                            out.at(at) = T(beta) * arrays[0].broadcast_at(at) - 3 * out.at(at);
                          });
                          return out;
                        }),
                        .dtypes = dtype_set({DType::i64, DType::i32}),
                        .exact = true,
                        .check = [](const Tensors& in, const Tensors& out) {
                          FARRO_CHECK(out[0].dtype() == in[0].dtype(), ValueError, "got ", out[0]);
                        }});
  sink.error<ShapeError>(
      "matmul", [] { return matmul(zeros({2, 3}), zeros({4, 5})); },
      "matmul: the last size of a must equal the last but one of b, got 3 and 4 (a: f32 [2, 3] cpu, b: f32 [4, 5] cpu)");
  sink.error<ShapeError>(
      "matmul", [] { return matmul(zeros({}), zeros({4, 5})); },
      "matmul: a and b must have at least 1 dimension, got a: f32 [] cpu, b: f32 [4, 5] cpu");
  sink.error<ShapeError>(
      "matmul", [] { return matmul(zeros({2, 3, 4}), zeros({3, 4, 5})); },
      "matmul: shapes must be equal or broadcast (sizes equal or 1), got [2] and [3] (dimension 0: 2 and 3)");
  sink.error<DTypeError>(
      "matmul", [] { return matmul(zeros({2, 3}), zeros({3, 5}, {.dtype = DType::f64})); },
      "matmul: a and b must have one dtype, got f32 and f64 (a: f32 [2, 3] cpu, b: f64 [3, 5] cpu)");
  sink.error<DTypeError>(
      "matmul", [] { return matmul(zeros({2, 2}, {.dtype = DType::boolean}), zeros({2, 2}, {.dtype = DType::boolean})); },
      "matmul: a must be a number, got bool (a: bool [2, 2] cpu)");
  sink.error<ShapeError>(
      "matmul", [] { return bmm(zeros({2, 3}), zeros({2, 3, 4})); },
      "bmm: a and b must have 3 dimensions, got a: f32 [2, 3] cpu, b: f32 [2, 3, 4] cpu");
  sink.error<ShapeError>(
      "matmul", [] { return bmm(zeros({1, 2, 3}), zeros({2, 3, 4})); },
      "bmm: a and b must have one batch size, got 1 and 2 (a: f32 [1, 2, 3] cpu, b: f32 [2, 3, 4] cpu)");
  sink.error<ShapeError>(
      "matmul", [] { return addmm(zeros({2}), zeros({3}), zeros({3, 2})); },
      "addmm: a and b must have 2 dimensions, got a: f32 [3] cpu, b: f32 [3, 2] cpu");

  const auto integers = [](const Shape& sizes) { return zeros(sizes, {.dtype = DType::i64}); };
  sink.error<DTypeError>(
      "matmul", [integers] { return addmm(integers({2}), integers({3, 4}), integers({4, 2}), 1, 0.5); },
      "addmm: alpha must be a whole number for integer tensors, got 0.5 (a: i64 [3, 4] cpu)");
  sink.error<DTypeError>(
      "matmul", [integers] { return addmm(zeros({2}), integers({3, 4}), integers({4, 2}), 0); },
      "addmm: input and a must have one dtype, got f32 and i64 (input: f32 [2] cpu, a: i64 [3, 4] cpu)");

  for (const auto& [x, weight] : {Pair{{3, 4}, {5, 4}}, Pair{{4}, {5, 4}}, Pair{{2, 3, 4}, {5, 4}}, Pair{{1, 1}, {1, 1}},
                                  Pair{{0, 4}, {5, 4}}, Pair{{3, 0}, {2, 0}}, Pair{{8, 32}, {32, 32}}})
    sink.add("linear", linear_sample(x, weight));
  for (const auto& [x, weight] : {Pair{{128, 300}, {70, 300}}, Pair{{33, 20}, {300, 20}}, Pair{{5, 520}, {10, 520}}}) {
    Sample sample = linear_sample(x, weight);
    sample.grad = Grad::none;
    sink.add("linear", sample);
  }
  sink.add("linear", {.label = "without bias",
                      .inputs = {in({3, 4}), in({5, 4}), absent()},
                      .run = linear,
                      .reference = Reference([](const auto& arrays) { return linear_reference(arrays); })});
  sink.error<ShapeError>(
      "linear", [] { return linear(zeros({2, 3}), zeros({5, 4})); },
      "linear: the last size of x must equal weight's in size 4, got 3 (x: f32 [2, 3] cpu, weight: f32 [5, 4] cpu)");
  sink.error<ShapeError>(
      "linear", [] { return linear(zeros({2, 3}), zeros({3})); },
      "linear: weight must have 2 dimensions (out, in), got f32 [3] cpu");
  sink.error<ShapeError>(
      "linear", [] { return linear(zeros({}), zeros({3, 1})); },
      "linear: x must have at least 1 dimension, got f32 [] cpu");
  sink.error<ShapeError>(
      "linear", [] { return linear(zeros({2, 4}), zeros({5, 4}), zeros({4})); },
      "linear: bias must have shape [5], got [4] (bias: f32 [4] cpu)");
  sink.error<DTypeError>(
      "linear", [] { return linear(zeros({2, 4}), zeros({5, 4}), zeros({5}, {.dtype = DType::f64})); },
      "linear: x and bias must have one dtype, got f32 and f64 (x: f32 [2, 4] cpu, bias: f64 [5] cpu)");
}

}  // namespace farro::opcheck
