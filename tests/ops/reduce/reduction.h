// SPDX-License-Identifier: Apache-2.0
// The standard samples of a reduction over dimensions, for the samples files of kernels/reduce.
#pragma once

#include <farro/kernels/memory/factories.h>
#include <farro/tests/opcheck/sample.h>

#include <functional>

namespace farro::opcheck {

struct ReductionOptions {
  DTypeSet dtypes = kFloating;
  Input values = in({});  // range, kinks, ... of the input; the shape is ignored
  Grad grad = Grad::second;
  bool exact = false;
  bool zeros = false;
  bool empty = true;  // also reductions of nothing
  bool keeps_dtype = true;
};

using ReductionFn = std::function<Tensor(const Tensor& input, const Dims& dims, bool keepdim)>;

// formula(std::vector<T>) gives one result.
template <class F>
void add_reductions(SampleSink& sink, const std::string& op, ReductionFn run, F formula, const ReductionOptions& options = {}) {
  struct Case {
    Shape sizes;
    Dims dims;
    bool keepdim = false, smooth = true;
  };
  const Case cases[] = {{{}, {}}, {{1}, {0}}, {{7}, {}}, {{3, 5}, {0}}, {{3, 5}, {1}}, {{3, 5}, {-1}, true}, {{2, 3, 4}, {1}},
                        {{2, 3, 4}, {0, 2}}, {{2, 3, 4}, {1, 2}, true}, {{2, 1, 3, 2}, {0, 1}}, {{2, 3, 2, 2, 2}, {1, 3}},
                        {{1, 4, 1}, {0, 2}}, {{300}, {}, false, false}, {{3, 1100}, {1}, false, false}, {{1100, 3}, {0}, false, false},
                        {{40, 70}, {}, true, false}};
  const Case empty[] = {{{0}, {}}, {{0, 3}, {0}}, {{2, 0, 3}, {1}, true}};
  const auto add = [&](const Case& c, bool nothing) {
    Input input = options.values;
    input.sizes = c.sizes;
    sink.add(op, {.label = str(c.sizes, " over ", c.dims, c.keepdim ? " kept" : ""),
                  .inputs = {input},
                  .run = [run, c](const Tensor& a) { return run(a, c.dims, c.keepdim); },
                  .reference = Reference([c, formula]<class T>(const Arrays<T>& in) {
                    return reduce(in[0], c.dims, c.keepdim, [&](const std::vector<T>& values) { return static_cast<T>(formula(values)); });
                  }),
                  .dtypes = options.dtypes,
                  .grad = c.smooth ? options.grad : Grad::none,
                  .exact = options.exact,
                  .zeros = options.zeros || nothing});
  };
  for (const Case& c : cases) add(c, false);
  for (const Case& c : {Case{{0, 3}, {1}}, Case{{2, 0}, {0}}}) add(c, true);  // no results
  if (options.empty)
    for (const Case& c : empty) add(c, true);
  sink.error<IndexError>(op, [run] { return run(zeros({2, 3}), {2}, false); },
                         str(op, ": dim must be in [-2, 1], got 2"));
  sink.error<ValueError>(op, [run] { return run(zeros({2, 3}), {0, -2}, false); },
                         str(op, ": dims must name each dimension once, got [0, -2] (input: f32 [2, 3] cpu)"));
  sink.error<ValueError>(op, [run] { return run(Tensor(), {}, false); },
                         str(op, ": input must be a defined tensor, got an undefined one"));
}

}  // namespace farro::opcheck
