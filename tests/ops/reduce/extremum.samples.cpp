// SPDX-License-Identifier: Apache-2.0
// Samples of kernels/reduce/extremum.h.
#include <farro/kernels/reduce/extremum.h>
#include <farro/tests/ops/reduce/reduction.h>

#include <cmath>

namespace farro::opcheck {

namespace {

// Where the extreme value stands first; NaN goes before any number.
template <class T>
size_t extreme_at(const std::vector<T>& values, bool largest) {
  size_t best = 0;
  for (size_t i = 1; i < values.size(); ++i) {
    if (std::isnan(values[best])) break;
    if (std::isnan(values[i]) || (largest ? values[i] > values[best] : values[i] < values[best])) best = i;
  }
  return best;
}

template <bool kLargest>
void samples_of(SampleSink& sink) {
  const std::string value_op = kLargest ? "amax" : "amin", pair_op = kLargest ? "max" : "min", index_op = kLargest ? "argmax" : "argmin";
  const auto values_of = [](const Tensor& t, const Dims& dims, bool keepdim) { return kLargest ? amax(t, dims, keepdim) : amin(t, dims, keepdim); };
  add_reductions(sink, value_op, values_of, [](const auto& values) { return values[extreme_at(values, kLargest)]; },
                 {.dtypes = kNumbers, .values = in({}).distinct(), .exact = true, .empty = false});
  sink.error<ShapeError>(value_op, [values_of] { return values_of(zeros({0}), {}, false); },
                         value_op + ": input must have elements to choose from, got [0] reduced over all dimensions (input: f32 [0] cpu)");
  sink.error<ShapeError>(value_op, [values_of] { return values_of(zeros({2, 0}), {1}, true); },
                         value_op + ": input must have elements to choose from, got [2, 0] reduced over [1] (input: f32 [2, 0] cpu)");

  struct Case {
    Shape sizes;
    int64_t dim;
    bool keepdim = false, smooth = true;
  };
  const auto add = [&](const Case& c, const Input& shape, DTypeSet dtypes, const std::string& what) {
    Input input = shape;
    input.sizes = c.sizes;
    const auto pair = [c](const Tensor& t) { return kLargest ? max(t, c.dim, c.keepdim) : min(t, c.dim, c.keepdim); };
    const auto index = [c](const Tensor& t) { return kLargest ? argmax(t, c.dim, c.keepdim) : argmin(t, c.dim, c.keepdim); };
    const auto indices_of = []<class T>(const std::vector<T>& v) { return static_cast<T>(extreme_at(v, kLargest)); };
    const auto value_of = []<class T>(const std::vector<T>& v) { return v[extreme_at(v, kLargest)]; };
    const std::string label = str(what, c.sizes, " over ", c.dim, c.keepdim ? " kept" : "");
    sink.add(pair_op, {.label = label, .inputs = {input}, .run = pair,
                       .reference = Reference([=]<class T>(const Arrays<T>& in) {
                         return Arrays<T>{reduce(in[0], {c.dim}, c.keepdim, value_of), reduce(in[0], {c.dim}, c.keepdim, indices_of)};
                       }),
                       .dtypes = dtypes, .grad = c.smooth ? Grad::second : Grad::none, .exact = true, .zeros = true});
    sink.add(index_op, {.label = label, .inputs = {input}, .run = index,
                        .reference = Reference([=]<class T>(const Arrays<T>& in) { return reduce(in[0], {c.dim}, c.keepdim, indices_of); }),
                        .dtypes = dtypes, .exact = true, .zeros = true});
  };
  for (const Case& c : {Case{{}, 0}, Case{{1}, 0}, Case{{9}, -1}, Case{{3, 5}, 0}, Case{{3, 5}, 1, true}, Case{{2, 3, 4}, 1}, Case{{2, 3, 2, 2}, 2},
                        Case{{0, 3}, 1}, Case{{300}, 0, false, false}, Case{{3, 1100}, 1, false, false}, Case{{1100, 3}, 0, true, false}})
    add(c, in({}).distinct(), kFloating, "");
  for (const Case& c : {Case{{40}, 0}, Case{{6, 7}, 0}, Case{{6, 7}, 1}}) add(c, in({}).range(0, 3), kIntegers, "ties of ");
  const Input odd = in({}).values({1, NAN, 3, NAN, -INFINITY, -INFINITY, -INFINITY, -INFINITY, INFINITY, 2, INFINITY, 2});
  add({{3, 4}, 1, false, false}, odd, kFloating, "NaN and infinities in ");
  add({{4, 3}, 0, false, false}, odd, kFloating, "NaN and infinities in ");

  sink.add(index_op, {.label = "of all", .inputs = {in({5, 7}).distinct()}, .run = [](const Tensor& t) { return kLargest ? t.argmax() : argmin(t); },
                      .reference = Reference([]<class T>(const Arrays<T>& in) {
                        NdArray<T> out;
                        out.data[0] = static_cast<T>(extreme_at(in[0].data, kLargest));
                        return out;
                      }),
                      .exact = true});
  sink.error<IndexError>(pair_op, [] { return kLargest ? max(zeros({2, 3}), 2) : min(zeros({2, 3}), 2); }, pair_op + ": dim must be in [-2, 1], got 2");
  sink.error<ShapeError>(pair_op, [] { return kLargest ? max(zeros({2, 0}), 1) : min(zeros({2, 0}), 1); },
                         pair_op + ": input must have elements to choose from, got [2, 0] reduced over [1] (input: f32 [2, 0] cpu)");
  sink.error<ShapeError>(index_op, [] { return kLargest ? argmax(zeros({0})) : argmin(zeros({0})); },
                         index_op + ": input must have elements to choose from, got [0] reduced over [0] (input: f32 [0] cpu)");
}

}  // namespace

void samples_extremum(SampleSink& sink);
void samples_extremum(SampleSink& sink) {
  samples_of<true>(sink);
  samples_of<false>(sink);
}

}  // namespace farro::opcheck
