// SPDX-License-Identifier: Apache-2.0
// Samples of kernels/matmul/row_dot.h.
#include <farro/kernels/matmul/row_dot.h>
#include <farro/kernels/memory/factories.h>
#include <farro/tests/opcheck/sample.h>

namespace farro::opcheck {

void samples_row_dot(SampleSink& sink);
void samples_row_dot(SampleSink& sink) {
  const Reference reference([]<class T>(const Arrays<T>& in) {
    NdArray<T> out({in[0].size(0)});
    for_each_index(in[0].sizes, [&](const Dims& at) { out(at[0]) += in[0].at(at) * in[1].at(at); });
    return out;
  });
  // Shorter than a warp, longer than one, more rows than a block takes; and what the variants for long rows take.
  for (const Shape& sizes : {Shape{1, 1}, Shape{3, 5}, Shape{2, 70}, Shape{9, 33}, Shape{2, 2500}, Shape{1, 66000}})
    sink.add("row_dot", {.label = str(sizes),
                         .inputs = {in(sizes), in(sizes)},
                         .run = row_dot,
                         .reference = reference,
                         .grad = sizes[1] < 100 ? Grad::second : Grad::none});
  for (const Shape& sizes : {Shape{0, 3}, Shape{3, 0}})
    sink.add(
        "row_dot",
        {.label = str(sizes), .inputs = {in(sizes), in(sizes)}, .run = row_dot, .reference = reference, .zeros = true});
  sink.error<ShapeError>(
      "row_dot", [] { return row_dot(zeros({2}), zeros({2})); },
      "row_dot: a must have 2 dimensions, got 1 (a: f32 [2] cpu)");
  sink.error<ShapeError>(
      "row_dot", [] { return row_dot(zeros({2, 3}), zeros({3, 2})); },
      "row_dot: b must have the sizes of a, [2, 3], got [3, 2] (b: f32 [3, 2] cpu)");
  sink.error<DTypeError>(
      "row_dot", [] { return row_dot(zeros({2, 3}, {.dtype = DType::i64}), zeros({2, 3})); },
      "row_dot: a must be floating, got i64 (a: i64 [2, 3] cpu)");
  sink.error<DTypeError>(
      "row_dot", [] { return row_dot(zeros({2, 3}), zeros({2, 3}, {.dtype = DType::f64})); },
      "row_dot: b must have the dtype of a, f32, got f64 (b: f64 [2, 3] cpu)");
}

}  // namespace farro::opcheck
