// SPDX-License-Identifier: Apache-2.0
// Samples of the elementwise losses in kernels/loss/pair_loss.h.
#include <farro/kernels/loss/pair_loss.h>
#include <farro/kernels/memory/factories.h>
#include <farro/tests/opcheck/sample.h>

#include <cmath>

namespace farro::opcheck {

namespace {

template <class F>
Reference loss_reference(F formula, Reduction reduction) {
  return Reference([formula, reduction]<class T>(const Arrays<T>& in) {
    NdArray<T> each(in[0].sizes);
    T sum = 0;
    for (size_t i = 0; i < each.data.size(); ++i) sum += each.data[i] = formula(in[0].data[i], in[1].data[i]);
    if (reduction == Reduction::none) return each;
    NdArray<T> total{Shape{}};
    total() = reduction == Reduction::mean ? sum / T(each.data.size()) : sum;
    return total;
  });
}

using Loss = Tensor (*)(const Tensor&, const Tensor&, Reduction);

// `input` and `target` say what values look like.
template <class F>
void add_loss(SampleSink& sink, const std::string& name, Loss loss, F formula, const Input& input, const Input& target) {
  const auto sized = [](Input values, const Shape& sizes) {
    values.sizes = sizes;
    return values;
  };
  for (Reduction reduction : {Reduction::none, Reduction::mean, Reduction::sum})
    for (const Shape& sizes : {Shape{}, Shape{1}, Shape{7}, Shape{3, 40}, Shape{0, 3}, Shape{2, 3, 2, 2}})
      sink.add(name, {.label = str("reduction ", static_cast<int>(reduction), " ", sizes),
                      .inputs = {sized(input, sizes), sized(target, sizes)},
                      .run = [loss, reduction](const Tensor& a, const Tensor& b) { return loss(a, b, reduction); },
                      .reference = loss_reference(formula, reduction)});
  sink.add(name, {.label = "several blocks",
                  .inputs = {sized(input, {20011}), sized(target, {20011})},
                  .run = [loss](const Tensor& a, const Tensor& b) { return loss(a, b, Reduction::mean); },
                  .reference = loss_reference(formula, Reduction::mean),
                  .grad = Grad::none});
  sink.error<ShapeError>(
      name, [loss] { return loss(zeros({2, 1}), zeros({2}), Reduction::mean); },
      name + ": input and target must have one shape, got [2, 1] and [2] (input: f32 [2, 1] cpu, target: f32 [2] cpu)");
  sink.error<DTypeError>(
      name, [loss] { return loss(zeros({2}), zeros({2}, {.dtype = DType::i64}), Reduction::mean); },
      name + ": input and target must have one floating dtype, got f32 and i64 (input: f32 [2] cpu, target: i64 [2] cpu)");
}

}  // namespace

void samples_pair_loss(SampleSink& sink);
void samples_pair_loss(SampleSink& sink) {
  add_loss(sink, "mse_loss", mse_loss, [](auto a, auto b) { return (a - b) * (a - b); }, in({}), in({}));
  // Apart from each other: the slope jumps where they meet.
  add_loss(sink, "l1_loss", l1_loss, [](auto a, auto b) { return std::abs(a - b); }, in({}), in({}).away_from(0, 3));
  add_loss(sink, "binary_cross_entropy_with_logits", binary_cross_entropy_with_logits,
           [](auto x, auto t) { return (x < 0 ? 0 : x) - x * t + std::log1p(std::exp(-std::abs(x))); },
           in({}).range(-6, 6).away_from(0), in({}).range(0, 1));
}

}  // namespace farro::opcheck
