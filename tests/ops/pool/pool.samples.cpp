// SPDX-License-Identifier: Apache-2.0
// Samples of kernels/pool/pool.h.
#include <farro/autograd/call/call.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/pool/pool.h>
#include <farro/kernels/pool/pool.op.h>
#include <farro/tests/opcheck/sample.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace farro::opcheck {

namespace {

struct Problem {
  std::string label;
  Shape x;
  PoolOptions options = {};
  Dims adaptive = {};  // instead of options
};

// Per axis, the inputs of output `o`, and how many elements its divisor counts.
struct Window {
  std::vector<int64_t> inputs;
  int64_t padded = 0;
};
int64_t option(const Dims& dims, int d, int64_t fallback) {
  return dims.empty() ? fallback : dims.size() == 1 ? dims[0] : dims[d];
}
Window window(const Problem& p, int d, int64_t o, int64_t out) {
  const int64_t size = p.x[d + 2];
  Window w;
  if (!p.adaptive.empty()) {
    for (int64_t i = o * size / out; i < ((o + 1) * size + out - 1) / out; ++i) w.inputs.push_back(i);
    w.padded = static_cast<int64_t>(w.inputs.size());
    return w;
  }
  const int64_t kernel = option(p.options.kernel_size, d, 1), pad = option(p.options.padding, d, 0);
  for (int64_t k = 0; k < kernel; ++k) {
    const int64_t i = o * option(p.options.stride, d, kernel) - pad + k * option(p.options.dilation, d, 1);
    if (i >= 0 && i < size) w.inputs.push_back(i);
    w.padded += i < size + pad;
  }
  return w;
}

Shape result_sizes(const Problem& p) {
  Shape sizes{p.x[0], p.x[1]};
  for (int d = 0; d < p.x.size() - 2; ++d) {
    const int64_t kernel = option(p.options.kernel_size, d, 1), stride = option(p.options.stride, d, kernel),
                  pad = option(p.options.padding, d, 0);
    if (!p.adaptive.empty()) {
      sizes.push_back(option(p.adaptive, d, 0));
      continue;
    }
    int64_t count = 0;  // windows are counted one by one, as the words of the documentation say
    for (int64_t start = -pad;; start += stride, ++count) {
      const int64_t last = start + (kernel - 1) * option(p.options.dilation, d, 1);
      if (p.options.ceil_mode ? start >= p.x[d + 2] || last - stride >= p.x[d + 2] + pad - 1 : last >= p.x[d + 2] + pad)
        break;
    }
    sizes.push_back(count);
  }
  return sizes;
}

// fn(index in the result, indices in x of its window, divisor of a mean).
template <class Fn>
void for_each_window(const Problem& p, Fn fn) {
  const Shape sizes = result_sizes(p);
  for_each_index(sizes, [&](const Dims& out) {
    std::vector<Dims> inputs = {Dims{out[0], out[1]}};
    int64_t padded = 1;
    for (int d = 0; d < sizes.size() - 2; ++d) {
      const Window w = window(p, d, out[d + 2], sizes[d + 2]);
      std::vector<Dims> next;
      for (const Dims& head : inputs)
        for (int64_t i : w.inputs) {
          next.push_back(head);
          next.back().push_back(i);
        }
      inputs = next;
      padded *= w.padded;
    }
    const bool include = p.options.count_include_pad || !p.adaptive.empty();
    fn(out, inputs, include ? padded : static_cast<int64_t>(inputs.size()));
  });
}

// The first greatest element; NaN is greater than all.
template <class T>
Dims argmax(const NdArray<T>& x, const std::vector<Dims>& inputs) {
  Dims best = inputs[0];
  for (const Dims& i : inputs)
    if (x.at(i) > x.at(best) || (std::isnan(x.at(i)) && !std::isnan(x.at(best)))) best = i;
  return best;
}

Tensor run_max(const Problem& p, const Tensor& x) {
  if (!p.adaptive.empty())
    return p.x.size() == 3   ? adaptive_max_pool1d(x, p.adaptive)
           : p.x.size() == 4 ? adaptive_max_pool2d(x, p.adaptive)
                             : adaptive_max_pool3d(x, p.adaptive);
  return p.x.size() == 3   ? max_pool1d(x, p.options)
         : p.x.size() == 4 ? max_pool2d(x, p.options)
                           : max_pool3d(x, p.options);
}
Tensor run_avg(const Problem& p, const Tensor& x) {
  if (!p.adaptive.empty())
    return p.x.size() == 3   ? adaptive_avg_pool1d(x, p.adaptive)
           : p.x.size() == 4 ? adaptive_avg_pool2d(x, p.adaptive)
                             : adaptive_avg_pool3d(x, p.adaptive);
  return p.x.size() == 3   ? avg_pool1d(x, p.options)
         : p.x.size() == 4 ? avg_pool2d(x, p.options)
                           : avg_pool3d(x, p.options);
}

// As the public functions fill it in.
PoolParams params_of(const Problem& p) {
  PoolParams params;
  const int rank = p.x.size() - 2;
  const Shape out = result_sizes(p);
  for (int d = 0; d < rank; ++d) {
    params.output.push_back(out[d + 2]);
    if (!p.adaptive.empty()) continue;
    const int64_t kernel = option(p.options.kernel_size, d, 1);
    params.kernel.push_back(kernel);
    params.stride.push_back(option(p.options.stride, d, kernel));
    params.padding.push_back(option(p.options.padding, d, 0));
    params.dilation.push_back(option(p.options.dilation, d, 1));
  }
  params.count_include_pad = p.options.count_include_pad;
  return params;
}

template <class T>
NdArray<T> max_reference(const Problem& p, const NdArray<T>& x) {
  NdArray<T> out(result_sizes(p));
  for_each_window(p, [&](const Dims& at, const std::vector<Dims>& inputs, int64_t) {
    out.at(at) = x.at(argmax(x, inputs));
  });
  return out;
}
template <class T>
NdArray<T> avg_reference(const Problem& p, const NdArray<T>& x) {
  NdArray<T> out(result_sizes(p));
  for_each_window(p, [&](const Dims& at, const std::vector<Dims>& inputs, int64_t divisor) {
    T sum = 0;
    for (const Dims& i : inputs) sum += x.at(i);
    out.at(at) = sum / static_cast<T>(std::max<int64_t>(divisor, 1));
  });
  return out;
}

void add_max(SampleSink& sink, const Problem& p) {
  const PoolParams params = params_of(p);
  sink.add("max_pool", {.label = p.label,
                        .inputs = {in(p.x).distinct()},
                        .run = [p](const Tensor& x) { return run_max(p, x); },
                        .reference = Reference([p](const auto& arrays) { return max_reference(p, arrays[0]); }),
                        .exact = true});
  // The gradients through the whole: which element was taken is part of the input.
  const auto indices_of = [p, params](const Tensor& x) { return call<MaxPool>({x, params})[1]; };
  sink.add("max_pool_backward",
           {.label = p.label,
            .inputs = {in(result_sizes(p)), in(p.x).distinct().no_grad()},
            .run = [p, params, indices_of](const Tensor& grad, const Tensor& x) {
              return call<MaxPoolBackward>({grad, indices_of(x), p.x, params});
            },
            .reference = Reference([p]<class T>(const Arrays<T>& arrays) {
              NdArray<T> out(p.x);
              for_each_window(p, [&](const Dims& at, const std::vector<Dims>& inputs, int64_t) {
                out.at(argmax(arrays[1], inputs)) += arrays[0].at(at);
              });
              return out;
            }),
            .zeros = true});
  sink.add("max_pool_gather",
           {.label = p.label,
            .inputs = {in(p.x), in(p.x).distinct().no_grad()},
            .run = [params, indices_of](const Tensor& from,
                                        const Tensor& x) { return call<MaxPoolGather>({from, indices_of(x), params}); },
            .reference = Reference([p]<class T>(const Arrays<T>& arrays) {
              NdArray<T> out(result_sizes(p));
              for_each_window(p, [&](const Dims& at, const std::vector<Dims>& inputs, int64_t) {
                out.at(at) = arrays[0].at(argmax(arrays[1], inputs));
              });
              return out;
            }),
            .exact = true});
}

void add_avg(SampleSink& sink, const Problem& p) {
  const PoolParams params = params_of(p);
  sink.add("avg_pool", {.label = p.label,
                        .inputs = {in(p.x)},
                        .run = [p](const Tensor& x) { return run_avg(p, x); },
                        .reference = Reference([p](const auto& arrays) { return avg_reference(p, arrays[0]); })});
  sink.add("avg_pool_backward",
           {.label = p.label,
            .inputs = {in(result_sizes(p))},
            .run = [p, params](const Tensor& grad) { return call<AvgPoolBackward>({grad, p.x, params}); },
            .reference = Reference([p]<class T>(const Arrays<T>& arrays) {
              NdArray<T> out(p.x);
              for_each_window(p, [&](const Dims& at, const std::vector<Dims>& inputs, int64_t divisor) {
                for (const Dims& i : inputs) out.at(i) += arrays[0].at(at) / static_cast<T>(divisor);
              });
              return out;
            }),
            .zeros = true});
}

}  // namespace

void samples_pool(SampleSink& sink);
void samples_pool(SampleSink& sink) {
  const std::vector<Problem> problems = {
      {"2 x 2", {2, 3, 4, 6}, {.kernel_size = {2}}},
      {"rest at the end", {1, 2, 5, 7}, {.kernel_size = {2}}},
      {"overlapping", {1, 3, 7, 6}, {.kernel_size = {3}, .stride = {2}, .padding = {1}}},
      {"many channels", {1, 83, 4, 4}, {.kernel_size = {2}}},
      {"padding not counted", {1, 2, 6, 6}, {.kernel_size = {3}, .padding = {1}, .count_include_pad = false}},
      {"ceil mode", {1, 2, 6, 8}, {.kernel_size = {3}, .stride = {2}, .ceil_mode = true}},
      {"ceil mode, padded", {1, 2, 6, 5}, {.kernel_size = {3, 2}, .stride = {2, 3}, .padding = {1}, .ceil_mode = true}},
      {"gaps", {1, 2, 7, 9}, {.kernel_size = {2}, .stride = {4}}},
      {"large window", {1, 1, 18, 19}, {.kernel_size = {17}, .stride = {1}}},
      {"one value", {1, 1, 1, 1}, {.kernel_size = {1}}},
      {"empty batch", {0, 2, 4, 4}, {.kernel_size = {2}}},
      {"one dimension", {2, 3, 9}, {.kernel_size = {3}, .stride = {2}, .padding = {1}}},
      {"three dimensions", {1, 2, 4, 3, 5}, {.kernel_size = {2, 3, 2}, .stride = {2, 1, 2}, .padding = {1, 1, 0}}},
      {"adaptive", {1, 3, 7, 5}, {}, {3, 2}},
      {"adaptive, larger than x", {1, 2, 3, 2}, {}, {5}},
      {"global", {2, 3, 4, 5}, {}, {1}},
      {"adaptive, one dimension", {2, 2, 10}, {}, {3}},
      {"adaptive, three dimensions", {1, 2, 3, 4, 5}, {}, {2, 3, 5}},
  };
  for (const Problem& p : problems) {
    add_max(sink, p);
    add_avg(sink, p);
  }
  add_max(sink, {"dilated", {1, 2, 9, 10}, {.kernel_size = {3}, .stride = {1, 2}, .padding = {1}, .dilation = {2}}});
  sink.add("max_pool",
           {.label = "special values",
            .inputs = {in({1, 2, 4, 4}).special()},
            .run = [](const Tensor& x) { return max_pool2d(x, {.kernel_size = {2}}); },
            .reference = Reference([](const auto& arrays) {
              return max_reference({"", {1, 2, 4, 4}, {.kernel_size = {2}}}, arrays[0]);
            }),
            .exact = true});

  const auto x = [] { return zeros({2, 3, 5, 5}); };
  sink.error<ShapeError>(
      "max_pool", [x] { return max_pool1d(x(), {.kernel_size = {2}}); },
      "max_pool1d: x must have 3 dimensions (or 2 without N), got 4 (x: f32 [2, 3, 5, 5] cpu)");
  sink.error<ValueError>(
      "max_pool", [x] { return max_pool2d(x(), {}); }, "max_pool2d: kernel_size must be given, got []");
  sink.error<ValueError>(
      "max_pool", [x] { return max_pool2d(x(), {.kernel_size = {0}}); },
      "max_pool2d: kernel_size must be at least 1, got [0]");
  sink.error<ValueError>(
      "max_pool", [x] { return max_pool2d(x(), {.kernel_size = {2}, .stride = {0, 1}}); },
      "max_pool2d: stride must be at least 1, got [0, 1]");
  sink.error<ValueError>(
      "max_pool", [x] { return max_pool2d(x(), {.kernel_size = {2, 3}, .padding = {2}}); },
      "max_pool2d: padding must be at most half of kernel_size [2, 3], got [2, 2]");
  sink.error<ShapeError>(
      "max_pool", [x] { return max_pool2d(x(), {.kernel_size = {3}, .dilation = {4}}); },
      "max_pool2d: window must fit into the padded input, got extent 9 over 5 in dimension 2 (x: f32 [2, 3, 5, 5] cpu)");
  sink.error<ShapeError>(
      "max_pool", [] { return adaptive_max_pool2d(zeros({2, 3, 0, 5}), {2}); },
      "adaptive_max_pool2d: x must not be empty in dimension 2, got 0 (x: f32 [2, 3, 0, 5] cpu)");
  sink.error<DTypeError>(
      "avg_pool", [x] { return avg_pool2d(x().to(DType::i32), {.kernel_size = {2}}); },
      "avg_pool2d: x must be floating, got i32 (x: i32 [2, 3, 5, 5] cpu)");
  sink.error<ValueError>(
      "avg_pool", [x] { return avg_pool2d(x(), {.kernel_size = {2}, .dilation = {2}}); },
      "avg_pool2d: dilation must be empty, got [2]");
  sink.error<ValueError>(
      "avg_pool", [x] { return adaptive_avg_pool2d(x(), {1, 2, 3}); },
      "adaptive_avg_pool2d: output_size must have 1 or 2 entries, got [1, 2, 3]");
  sink.error<ValueError>(
      "avg_pool", [x] { return adaptive_avg_pool2d(x(), {-2}); },
      "adaptive_avg_pool2d: output_size must be at least -1, got [-2]");
}

}  // namespace farro::opcheck
