// SPDX-License-Identifier: Apache-2.0
// Samples of kernels/embedding/embedding.h.
#include <farro/autograd/call/call.h>
#include <farro/kernels/embedding/embedding.h>
#include <farro/kernels/embedding/embedding.op.h>
#include <farro/kernels/memory/factories.h>
#include <farro/tests/opcheck/sample.h>

namespace farro::opcheck {

namespace {

const Reference kRows([]<class T>(const Arrays<T>& in) {
  Shape sizes = in[1].sizes;
  sizes.push_back(in[0].size(1));
  NdArray<T> out(sizes);
  for (int64_t i = 0; i < in[1].numel(); ++i)
    for (int64_t j = 0; j < in[0].size(1); ++j)
      out.data[static_cast<size_t>(i * in[0].size(1) + j)] = in[0](in[1].integer(i), j);
  return out;
});

Reference summed_rows(int64_t rows, int64_t padding) {
  return Reference([=]<class T>(const Arrays<T>& in) {
    const int64_t width = in[0].size(-1);
    NdArray<T> out({rows, width});
    for (int64_t i = 0; i < in[1].numel(); ++i)
      for (int64_t j = 0; j < width && in[1].integer(i) != padding; ++j)
        out(in[1].integer(i), j) += in[0].data[static_cast<size_t>(i * width + j)];
    return out;
  });
}

}  // namespace

void samples_embedding(SampleSink& sink);
void samples_embedding(SampleSink& sink) {
  for (const Shape& indices : {Shape{4}, Shape{}, Shape{2, 3}, Shape{0}, Shape{1, 1}, Shape{40}})
    for (int64_t padding : {-1, 2}) {
      sink.add("embedding", {.label = str(indices, " padding ", padding),
                             .inputs = {in({5, 3}), index_in(indices, 0, 5)},
                             .run = [padding](const Tensor& w, const Tensor& i) { return embedding(w, i, {padding}); },
                             .reference = kRows,
                             // The gradient of the padding row is left out on purpose.
                             .grad = padding < 0 ? Grad::first : Grad::none,
                             .exact = true});
      Shape grad = indices;
      grad.push_back(3);
      sink.add("embedding_backward",
               {.label = str(indices, " padding ", padding),
                .inputs = {in(grad), index_in(indices, 0, 5)},
                .run = [padding](const Tensor& g,
                                 const Tensor& i) { return call<EmbeddingBackward>({g, i, 5, padding}); },
                .reference = summed_rows(5, padding),
                .grad = Grad::first,
                .zeros = true});
    }
  const auto indices = [](std::vector<int64_t> list) { return tensor(list); };
  sink.error<IndexError>(
      "embedding", [=] { return embedding(zeros({5, 3}), indices({0, 7})); },
      "embedding: indices must be in [0, 5), got 7 at position 1 (indices: i64 [2] cpu)");
  sink.error<DTypeError>(
      "embedding", [] { return embedding(zeros({5, 3}), zeros({2})); },
      "embedding: indices must be i64, got f32 (indices: f32 [2] cpu)");
  sink.error<ShapeError>(
      "embedding", [=] { return embedding(zeros({5}), indices({0})); },
      "embedding: weight must have 2 dimensions, got f32 [5] cpu");
  sink.error<ValueError>(
      "embedding", [=] { return embedding(zeros({5, 3}), indices({0}), {.padding_idx = 5}); },
      "embedding: padding_idx must be below weight's 5 rows, got 5");
}

}  // namespace farro::opcheck
