// SPDX-License-Identifier: Apache-2.0
// Samples of the views, and of slice_backward.
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/memory/view.op.h>
#include <farro/tests/opcheck/sample.h>

namespace farro::opcheck {

namespace {

// The elements in order, under other sizes.
Reference reshaped(const Shape& sizes) {
  return Reference([sizes](const auto& in) {
    auto out = in[0];
    out.sizes = sizes;
    return out;
  });
}

// out[at] = in[source(at)].
template <class F>
Reference gathered(const Shape& sizes, F source) {
  return Reference([=]<class T>(const Arrays<T>& in) {
    NdArray<T> out(sizes);
    for_each_index(sizes, [&](const Dims& at) { out.at(at) = in[0].at(source(at)); });
    return out;
  });
}

Sample view_sample(std::string label, const Shape& sizes, Run run, Reference reference) {
  return {.label = std::move(label),
          .inputs = {in(sizes)},
          .run = std::move(run),
          .reference = std::move(reference),
          .dtypes = kAnyDType,
          .exact = true};
}

void add_reshapes(SampleSink& sink) {
  sink.add("view", view_sample("2x6 as 3x4", {2, 6}, [](const Tensor& x) { return x.reshape({3, 4}); },
                               reshaped({3, 4})));
  sink.add("view", view_sample("-1", {2, 6}, [](const Tensor& x) { return x.reshape({4, -1}); }, reshaped({4, 3})));
  sink.add("view", view_sample("flatten", {2, 3, 2}, [](const Tensor& x) { return x.flatten(1); }, reshaped({2, 6})));
  sink.add("view", view_sample("to no dimensions", {1, 1}, [](const Tensor& x) { return x.reshape({}); },
                               reshaped({})));
  sink.add("view", view_sample("squeeze", {1, 3, 1}, [](const Tensor& x) { return x.squeeze(); }, reshaped({3})));
  sink.add("view", view_sample("squeeze one", {1, 3, 1}, [](const Tensor& x) { return x.squeeze(-1); },
                               reshaped({1, 3})));
  sink.add("view", view_sample("unsqueeze", {2, 3}, [](const Tensor& x) { return x.unsqueeze(1); },
                               reshaped({2, 1, 3})));
  sink.add("view", view_sample("empty", {0, 3}, [](const Tensor& x) { return x.reshape({3, 0, 2}); },
                               reshaped({3, 0, 2})));
  sink.error<ShapeError>("view", [] { return zeros({2, 3}).view({4}); },
                         "view: sizes must hold the tensor's 6 elements, got [4] (tensor: f32 [2, 3] cpu)");
  sink.error<ShapeError>("view", [] { return zeros({2, 3}).reshape({-1, -1}); },
                         "reshape: at most one size must be -1, got [-1, -1]");
  sink.error<ShapeError>("view", [] { return zeros({2, 3}).t().view({6}); },
                         "view: sizes must keep the strides of the tensor walkable, got [6] for f32 [3, 2] cpu with strides [1, 3]; use reshape, which copies where it must");
  sink.error<ValueError>("view", [] { return zeros({2, 3}).flatten(1, 0); },
                         "flatten: start_dim must not be behind end_dim, got 1 and 0");
}

void add_permutes(SampleSink& sink) {
  sink.add("permute", view_sample("3 dims", {2, 3, 4}, [](const Tensor& x) { return x.permute({2, 0, 1}); },
                                  gathered({4, 2, 3}, [](const Dims& at) { return Dims{at[1], at[2], at[0]}; })));
  sink.add("permute", view_sample("transpose", {2, 3, 4}, [](const Tensor& x) { return x.transpose(0, -1); },
                                  gathered({4, 3, 2}, [](const Dims& at) { return Dims{at[2], at[1], at[0]}; })));
  sink.add("permute", view_sample("t", {3, 5}, [](const Tensor& x) { return x.t(); },
                                  gathered({5, 3}, [](const Dims& at) { return Dims{at[1], at[0]}; })));
  sink.error<ShapeError>("permute", [] { return zeros({2, 3}).permute({0}); },
                         "permute: dims must name each of the 2 dimensions once, got [0]");
  sink.error<ValueError>("permute", [] { return zeros({2, 3}).permute({0, 0}); },
                         "permute: dims must name each dimension once, got [0, 0]");
  sink.error<ShapeError>("permute", [] { return zeros({2, 3, 4}).t(); },
                         "t: tensor must have at most 2 dimensions, got f32 [2, 3, 4] cpu");
}

void add_expands(SampleSink& sink) {
  sink.add("expand", view_sample("inner", {3, 1}, [](const Tensor& x) { return x.expand({-1, 4}); },
                                 gathered({3, 4}, [](const Dims& at) { return Dims{at[0], 0}; })));
  sink.add("expand", view_sample("outer", {3}, [](const Tensor& x) { return x.expand({2, 3}); },
                                 gathered({2, 3}, [](const Dims& at) { return Dims{at[1]}; })));
  sink.add("expand", view_sample("0-dim", {}, [](const Tensor& x) { return x.expand({2}); },
                                 gathered({2}, [](const Dims&) { return Dims{}; })));
  sink.error<ShapeError>("expand", [] { return zeros({2, 3}).expand({3}); },
                         "expand: sizes must have at least the tensor's 2 dimensions, got [3]");
  sink.error<ShapeError>("expand", [] { return zeros({2, 3}).expand({4, 3}); },
                         "expand: sizes must equal the tensor's or expand a size of 1, got [4, 3] for f32 [2, 3] cpu");
}

void add_slices(SampleSink& sink) {
  sink.add("slice", view_sample("narrow", {5, 2}, [](const Tensor& x) { return x.narrow(0, 1, 3); },
                                gathered({3, 2}, [](const Dims& at) { return Dims{at[0] + 1, at[1]}; })));
  sink.add("slice", view_sample("steps", {2, 7}, [](const Tensor& x) { return x.slice(1, 1, 100, 3); },
                                gathered({2, 2}, [](const Dims& at) { return Dims{at[0], 1 + 3 * at[1]}; })));
  sink.add("slice", view_sample("select", {3, 4}, [](const Tensor& x) { return x.select(1, -1); },
                                gathered({3}, [](const Dims& at) { return Dims{at[0], 3}; })));
  sink.add("slice", view_sample("nothing", {3, 4}, [](const Tensor& x) { return x.slice(0, 2, 1); },
                                gathered({0, 4}, [](const Dims& at) { return at; })));
  sink.add("slice", view_sample("split", {5, 2}, [](const Tensor& x) { return x.split(4)[1]; },
                                gathered({1, 2}, [](const Dims& at) { return Dims{4, at[1]}; })));
  sink.error<IndexError>("slice", [] { return zeros({3}).narrow(0, 2, 2); },
                         "narrow: start and length must stay within size 3 of dimension 0, got start 2 and length 2");
  sink.error<IndexError>("slice", [] { return zeros({3})[3]; },
                         "select: index must be in [-3, 2] for dimension 0 of size 3, got 3");
  sink.error<ValueError>("slice", [] { return zeros({3}).slice(0, 0, 3, 0); },
                         "slice: step must be positive, got 0");
  sink.error<ValueError>("slice", [] { return zeros({3}).split(0); }, "split: size must be positive, got 0");

  for (int64_t step : {1, 2}) {
    sink.add("slice_backward", {.label = str("step ", step),
                                .inputs = {in({2, 3})},
                                .run =
                                    [step](const Tensor& g) { return call<SliceBackward>({g, {2, 7}, 1, 1, step}); },
                                .reference = Reference([step]<class T>(const Arrays<T>& in) {
                                  NdArray<T> out({2, 7});
                                  for_each_index(in[0].sizes,
                                                 [&](const Dims& at) { out(at[0], 1 + step * at[1]) = in[0].at(at); });
                                  return out;
                                }),
                                .dtypes = kFloating,
                                .exact = true});
  }
}

}  // namespace

void samples_view(SampleSink& sink);
void samples_view(SampleSink& sink) {
  add_reshapes(sink);
  add_permutes(sink);
  add_expands(sink);
  add_slices(sink);
}

}  // namespace farro::opcheck
