// SPDX-License-Identifier: Apache-2.0
// Samples of copies and fills.
#include <farro/kernels/memory/factories.h>
#include <farro/tests/opcheck/errors.h>
#include <farro/tests/opcheck/sample.h>

#include <cmath>

namespace farro::opcheck {

void samples_copy(SampleSink& sink);
void samples_copy(SampleSink& sink) {
  const auto same = [](auto x) { return x; };
  const Run clone = [](const Tensor& x) { return x.clone(); };
  sink.unary("copy", clone, same, {.dtypes = kAnyDType, .exact = true});
  for (DType target : {DType::f64, DType::f32, DType::f16, DType::bf16}) {
    sink.add("copy", {.label = str("to ", target),
                      .inputs = {in({3, 5})},
                      .run = [target](const Tensor& x) { return x.to(target).clone(); },
                      .reference = pointwise(same),
                      .dtypes = kAnyDType,
                      .grad = target == DType::f64 ? Grad::second : Grad::none,  // others round away gradcheck's steps
                      .gives = target});
  }
  sink.add("copy", {.label = "to i32",
                    .inputs = {in({3, 5}).range(0, 100)},
                    .run = [](const Tensor& x) { return x.to(DType::i32); },
                    .reference = pointwise([](auto x) { return std::trunc(x); }),
                    .dtypes = kNumbers,
                    .grad = Grad::none,
                    .exact = true});
  sink.add("copy", {.label = "channels last",
                    .inputs = {in({2, 3, 4, 5})},
                    .run = [](const Tensor& x) { return x.contiguous(MemoryFormat::channels_last); },
                    .reference = pointwise(same),
                    .dtypes = kAnyDType,
                    .exact = true});
  sink.add("copy", {.label = "contiguous of a transpose",
                    .inputs = {in({6, 5})},
                    .run = [](const Tensor& x) { return x.t().contiguous(); },
                    .reference =
                        [](const auto& in) {
                          auto out = in[0];
                          out.sizes = {in[0].size(1), in[0].size(0)};
                          for_each_index(out.sizes, [&](const Dims& at) { out.at(at) = in[0](at[1], at[0]); });
                          return out;
                        },
                    .dtypes = kAnyDType,
                    .exact = true});
  sink.error<ShapeError>("copy", [] { return zeros({2, 3}).contiguous(MemoryFormat::channels_last); },
                         "contiguous: tensor must have 4 or 5 dimensions for channels_last, got f32 [2, 3] cpu");

  const Run copy_into = [](const Tensor& target, const Tensor& source) { return target.clone().copy_(source); };
  const auto second = pointwise([](auto, auto y) { return y; });
  for (const auto& [to, from] :
       {std::pair<Shape, Shape>{{3, 4}, {3, 4}}, {{3, 4}, {4}}, {{2, 3, 2}, {3, 1}}, {{3}, {}}, {{0, 2}, {1, 2}}})
    sink.add("copy_into", {.label = str(from, " into ", to),
                           .inputs = {in(to), in(from)},
                           .run = copy_into,
                           .reference = second,
                           .dtypes = kAnyDType,
                           .exact = true});
  sink.add("copy_into", {.label = "integers into the dtype",
                         .inputs = {in({3, 4}), index_in({4}, -5, 5)},
                         .run = copy_into,
                         .reference = second,
                         .exact = true});
  sink.error<ShapeError>("copy_into", [] { return zeros({2, 3}).copy_(zeros({2})); },
                         "copy_: shapes must be equal or broadcast (sizes equal or 1), got [2, 3] and [2] (dimension 1: 3 and 2)");
  sink.error<ShapeError>("copy_into", [] { return zeros({1}).copy_(zeros({2})); },
                         "copy_: source must broadcast to the tensor's shape [1], got f32 [2] cpu");

  const Run fill = [](const Tensor& x) { return x.clone().fill_(3); };
  for (const Shape& sizes : {Shape{}, Shape{5}, Shape{0}, Shape{3, 4}})
    sink.add("fill", {.label = str(sizes),
                      .inputs = {in(sizes)},
                      .run = fill,
                      .reference = pointwise([](auto) { return 3; }),
                      .dtypes = kNumbers,
                      .exact = true,
                      .zeros = true});
  sink.add("fill", {.label = "part",
                    .inputs = {in({4, 4})},
                    .run =
                        [](const Tensor& x) {
                          Tensor y = x.clone();
                          y.slice(1, 0, 4, 2).fill_(0.5);
                          return y;
                        },
                    .reference =
                        [](const auto& in) {
                          auto out = in[0];
                          for (size_t i = 0; i < out.data.size(); i += 2) out.data[i] = 0.5;
                          return out;
                        },
                    .exact = true});
  sink.error<ValueError>("fill", [] { return zeros({1}).expand({3}).fill_(1); },
                         "fill_: tensor must not hold an element twice (an expanded or overlapping view), got f32 [3] cpu; clone() it first");

  for (const Unheld& u : kUnheld) {
    const std::string what = str(" must be a ", u.holds, ", got ", u.number);
    const TensorOptions options{.dtype = u.dtype};
    const auto tensor = [options] { return ones({2}, options); };
    sink.error<ValueError>("fill", [=] { return tensor().fill_(u.number); },
                           str("fill_: value", what, " (tensor: ", u.dtype, " [2] cpu)"));
    sink.error<ValueError>("fill", [=] { return full({2}, u.number, options); }, "full: value" + what);
    sink.error<ValueError>("fill", [=] { return scalar_tensor(u.number, options); }, "scalar_tensor: value" + what);
    sink.error<ValueError>("fill", [=] { return full_like(tensor(), u.number); },
                           str("full_like: value", what, " (like: ", u.dtype, " [2] cpu)"));
    sink.error<ValueError>("fill", [=] { return farro::tensor({u.number}, options); }, "tensor: each value" + what);
    sink.error<ValueError>("fill", [=] { return linspace(u.number, 0, 2, options); }, "linspace: start" + what);
  }
  sink.error<ValueError>("copy", [] { return Tensor().clone(); }, "clone: tensor must be a defined tensor, got an undefined one");
  sink.error<ValueError>("copy", [] { return Tensor().to(DType::f64); }, "to: tensor must be a defined tensor, got an undefined one");
  sink.error<ValueError>("copy", [] { return Tensor().contiguous(); }, "contiguous: tensor must be a defined tensor, got an undefined one");
  sink.error<ValueError>("copy_into", [] { return Tensor().copy_(ones({2})); }, "copy_: tensor must be a defined tensor, got an undefined one");
  sink.error<ValueError>("copy_into", [] { return ones({2}).copy_(Tensor()); }, "copy_: source must be a defined tensor, got an undefined one");
  sink.error<ShapeError>("copy_into", [] { return ones({2}).copy_(ones({2, 2})); },
                         "copy_: source must broadcast to the tensor's shape [2], got f32 [2, 2] cpu");
}

}  // namespace farro::opcheck
