// SPDX-License-Identifier: Apache-2.0
// Samples of kernels/softmax/softmax.h.
#include <farro/autograd/call/call.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/softmax/softmax.h>
#include <farro/kernels/softmax/softmax.op.h>
#include <farro/tests/opcheck/sample.h>

#include <cmath>

namespace farro::opcheck {

namespace {

// fn(values of one slice along `dim`) gives the slice's new values.
template <class T, class Fn>
NdArray<T> along(const NdArray<T>& x, int dim, Fn fn) {
  NdArray<T> out(x.sizes);
  for_each_index(x.sizes, [&](Dims at) {
    const int64_t own = x.rank() ? at[dim] : 0;
    std::vector<T> slice;
    for (int64_t i = 0; i < (x.rank() ? x.size(dim) : 1); ++i) {
      if (x.rank()) at[dim] = i;
      slice.push_back(x.at(at));
    }
    if (x.rank()) at[dim] = own;
    out.at(at) = fn(slice, own);
  });
  return out;
}

template <class T>
T log_softmax_of(const std::vector<T>& slice, int64_t own) {
  T max = slice[0], sum = 0;
  for (T value : slice) max = std::isnan(value) || value > max ? value : max;
  for (T value : slice) sum += std::exp(value - max);
  return slice[static_cast<size_t>(own)] - max - std::log(sum);
}

template <bool kLog>
Reference softmax_reference(int dim) {
  return Reference([dim]<class T>(const Arrays<T>& in) {
    return along(in[0], dim, [](const std::vector<T>& slice, int64_t own) {
      const T value = log_softmax_of(slice, own);
      return kLog ? value : std::exp(value);
    });
  });
}

template <class Op, bool kLog>
Sample backward_sample(const Shape& sizes, int dim) {
  return {.label = str(sizes, " dim ", dim),
          .inputs = {in(sizes), in(sizes).range(kLog ? -3 : 0, kLog ? -0.1 : 1)},
          .run =
              [dim](const Tensor& grad, const Tensor& output) {
                return call<Op>({grad, output, dim});
              },
          .reference = Reference([dim]<class T>(const Arrays<T>& arrays) {
            NdArray<T> product = arrays[0];
            if (!kLog)
              for (size_t i = 0; i < product.data.size(); ++i) product.data[i] *= arrays[1].data[i];
            NdArray<T> out = along(product, dim, [](const std::vector<T>& slice, int64_t) {
              T sum = 0;
              for (T value : slice) sum += value;
              return sum;
            });
            for (size_t i = 0; i < out.data.size(); ++i) {
              const T g = arrays[0].data[i], y = arrays[1].data[i], sum = out.data[i];
              out.data[i] = kLog ? g - std::exp(y) * sum : y * (g - sum);
            }
            return out;
          })};
}

template <class Op, bool kLog>
void add_forward(SampleSink& sink, Tensor (*run)(const Tensor&, int64_t)) {
  const std::string name = Op::info.name;
  const auto sample = [run](std::string label, const Input& input, int dim) {
    return Sample{.label = std::move(label),
                  .inputs = {input},
                  .run = [run, dim](const Tensor& x) { return run(x, dim); },
                  .reference = softmax_reference<kLog>(dim)};
  };
  sink.add(name, sample("rows", in({3, 10}), 1));
  sink.add(name, sample("columns", in({5, 3}), 0));
  sink.add(name, sample("middle", in({2, 3, 4}), 1));
  sink.add(name, sample("one", in({3, 1}), 1));
  sink.add(name, sample("0-dim", in({}), 0));
  sink.add(name, sample("empty", in({0, 4}), 1));
  sink.add(name, sample("empty slices", in({4, 0}), 1));
  sink.add(name, sample("special values", in({3, 8}).special(), 1));
  Sample wide = sample("long rows", in({2, 1100}), 1), many = sample("many columns", in({3, 70}), 0);
  Sample far = sample("far apart", in({2, 5}).range(-100, 100), 1);
  wide.grad = many.grad = far.grad = Grad::none;
  far.cancelling = 2;
  sink.add(name, far);
  sink.add(name, wide);
  sink.add(name, many);
  sink.error<IndexError>(
      name, [run] { return run(zeros({2, 3}), 2); }, str(name, ": dim must be in [-2, 1], got 2"));
  sink.error<DTypeError>(
      name, [run] { return run(zeros({2}, {.dtype = DType::i64}), 0); },
      str(name, ": x must be floating, got i64 (x: i64 [2] cpu)"));
}

template <class Op, bool kLog>
void add_backward(SampleSink& sink) {
  using Pair = std::pair<Shape, int>;
  for (const auto& [sizes, dim] : {Pair{{3, 4}, 1}, Pair{{3, 4}, 0}, Pair{{2, 3, 2}, 1}, Pair{{1, 1}, 1}, Pair{{}, 0},
                                   Pair{{0, 3}, 1}, Pair{{2, 70}, 0}, Pair{{2, 70}, 1}})
    sink.add(Op::info.name, backward_sample<Op, kLog>(sizes, dim));
  sink.error<ShapeError>(
      Op::info.name, [] { return call<Op>({zeros({2, 3}), zeros({3}), 0}); },
      str(Op::info.name, ": grad must have output's shape and dtype, got f32 [2, 3] cpu (output: f32 [3] cpu)"));
}

}  // namespace

void samples_softmax(SampleSink& sink);
void samples_softmax(SampleSink& sink) {
  add_forward<Softmax, false>(sink, softmax);
  add_forward<LogSoftmax, true>(sink, log_softmax);
  add_backward<SoftmaxBackward, false>(sink);
  add_backward<LogSoftmaxBackward, true>(sink);
}

}  // namespace farro::opcheck
