// SPDX-License-Identifier: Apache-2.0
// Samples of kernels/reduce/sum.h.
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/reduce/sum.h>
#include <farro/tests/ops/reduce/reduction.h>

#include <cmath>

namespace farro::opcheck {

void samples_sum(SampleSink& sink);
void samples_sum(SampleSink& sink) {
  add_reductions(sink, "sum", sum, [](const auto& values) {
    auto total = values.empty() ? 0 : values[0] * 0;
    for (const auto value : values) total += value;
    return total;
  }, {.dtypes = kNumbers});
  add_reductions(sink, "mean", mean, [](const auto& values) {
    using T = std::decay_t<decltype(values[0])>;
    T total = 0;
    for (const T value : values) total += value;
    return total / static_cast<T>(values.size());
  });
  const Input sparse = in({}).range(-1, 2);  // a third of the integers is 0
  add_reductions(sink, "any", any, [](const auto& values) {
    for (const auto value : values)
      if (value != 0) return true;
    return false;
  }, {.dtypes = kIntegers & ~dtype_set({DType::u8}), .values = sparse, .zeros = true});
  add_reductions(sink, "all", all, [](const auto& values) {
    for (const auto value : values)
      if (value == 0) return false;
    return true;
  }, {.dtypes = kIntegers & ~dtype_set({DType::u8}), .values = sparse, .zeros = true});
  for (const bool every : {false, true}) {
    sink.add(every ? "all" : "any", {.label = "NaN and small values", .inputs = {in({4, 2}).values({0, 0.25, 0, NAN, 0, 0, -1, 1e-4})},
                                     .run = [every](const Tensor& a) { return every ? all(a, {1}) : any(a, {1}); },
                                     .reference = Reference([every]<class T>(const Arrays<T>& in) {
                                       return reduce(in[0], {1}, false, [every](const std::vector<T>& v) {
                                         return every ? v[0] != 0 && v[1] != 0 : v[0] != 0 || v[1] != 0;
                                       });
                                     }),
                                     .exact = true});
  }
  sink.error<DTypeError>("mean", [] { return zeros({2}, {.dtype = DType::i32}).mean(); },
                         "mean: input must be floating, got i32 (input: i32 [2] cpu)");
}

}  // namespace farro::opcheck
