// SPDX-License-Identifier: Apache-2.0
// Samples of the fused optimizer steps, which change copies of their inputs here.
#include <farro/kernels/optim/optim.h>
#include <farro/kernels/memory/factories.h>
#include <farro/tests/opcheck/sample.h>

#include <cmath>
#include <limits>

namespace farro::opcheck {
namespace {

Tensors clones(const Tensors& in) {
  Tensors out;
  for (const Tensor& tensor : in) out.push_back(tensor.clone());
  return out;
}

// Runs a step on copies of the inputs, each a list of one tensor, and gives all but the gradient.
template <class Step>
Run on_copies(Step step) {
  return [step](const Tensors& in) {
    Tensors copies = clones(in);
    step(copies);
    copies.erase(copies.begin() + 1);
    return copies;
  };
}

Run sgd(const SgdStepOptions& options) {
  return on_copies([options](Tensors& t) {
    const TensorList all = t;
    sgd_step_(all.subspan(0, 1), all.subspan(1, 1), all.subspan(2), options);
  });
}

Run adam(const AdamStepOptions& options) {
  return on_copies([options](Tensors& t) {
    const TensorList all = t;
    adam_step_(all.subspan(0, 1), all.subspan(1, 1), all.subspan(2, 1), all.subspan(3, 1), all.subspan(4), options);
  });
}

// The same with learning rate and step in tensors; the numbers that stand in the options are not to be looked at.
Tensor number_beside(const Tensor& param, Scalar value, DType dtype) {
  return full({}, value, {.dtype = dtype, .device = param.device()});
}
Run sgd_with_tensors(SgdStepOptions options) {
  return on_copies([options](Tensors& t) {
    const TensorList all = t;
    SgdStepOptions others = options;
    others.lr = 1e3;
    sgd_step_(all.subspan(0, 1), all.subspan(1, 1), all.subspan(2), others,
              number_beside(t[0], options.lr, DType::f64));
  });
}
Run adam_with_tensors(AdamStepOptions options) {
  return on_copies([options](Tensors& t) {
    const TensorList all = t;
    AdamStepOptions others = options;
    others.lr = 1e3;
    others.step = 1;
    adam_step_(all.subspan(0, 1), all.subspan(1, 1), all.subspan(2, 1), all.subspan(3, 1), all.subspan(4), others,
               number_beside(t[0], options.lr, DType::f64), number_beside(t[0], options.step, DType::i64));
  });
}

Reference sgd_reference(const SgdStepOptions& o) {
  return Reference([o]<class T>(const Arrays<T>& in) {
    Arrays<T> out = in;
    for (size_t i = 0; i < in[0].data.size(); ++i) {
      T &p = out[0].data[i], g = (o.maximize ? -1 : 1) * in[1].data[i] + T(o.weight_decay) * p;
      if (in.size() > 2) {
        T& b = out[2].data[i];
        b = T(o.momentum) * b + T(1 - o.dampening) * g;
        g = o.nesterov ? g + T(o.momentum) * b : b;
      }
      p -= T(o.lr) * g;
    }
    out.erase(out.begin() + 1);
    return out;
  });
}

Reference adam_reference(const AdamStepOptions& o) {
  return Reference([o]<class T>(const Arrays<T>& in) {
    Arrays<T> out = in;
    const T correction1 = T(1 - std::pow(o.beta1, o.step)), correction2 = T(std::sqrt(1 - std::pow(o.beta2, o.step)));
    for (size_t i = 0; i < in[0].data.size(); ++i) {
      T &p = out[0].data[i], &m = out[2].data[i], &v = out[3].data[i];
      T g = (o.maximize ? -1 : 1) * in[1].data[i];
      if (o.decoupled)
        p *= T(1 - o.lr * o.weight_decay);
      else
        g += T(o.weight_decay) * p;
      m = T(o.beta1) * m + T(1 - o.beta1) * g;
      v = T(o.beta2) * v + T(1 - o.beta2) * g * g;
      T second = v;
      if (in.size() > 4) second = out[4].data[i] = std::max(out[4].data[i], v);
      p -= T(o.lr) / correction1 * m / (std::sqrt(second) / correction2 + T(o.eps));
    }
    out.erase(out.begin() + 1);
    return out;
  });
}

Reference norm_reference(double p) {
  return Reference([p]<class T>(const Arrays<T>& in) {
    double sum = 0, most = 0;
    for (const auto& array : in)
      for (T x : array.data) {
        sum += std::pow(std::abs(double(x)), p);
        most = std::max(most, std::abs(double(x)));
      }
    NdArray<T> out{Shape{}};
    out.data[0] = T(std::isinf(p) ? most : std::pow(sum, 1 / p));
    return out;
  });
}

}  // namespace

void samples_optim(SampleSink& sink);
void samples_optim(SampleSink& sink) {
  const Shape shapes[] = {{7}, {3, 5}, {0}, {}, {300, 70}};  // the last spans chunks and threads
  for (const Shape& s : shapes) {
    // Among many bf16 values some momentum cancels its gradient exactly, and no rounding is small beside a true 0.
    const DTypeSet dtypes = s == Shape{300, 70} ? kF32F64 : kFloating;
    const auto add_sgd = [&](const std::string& label, size_t count, const SgdStepOptions& o) {
      sink.add("sgd_step", {.label = str(label, " ", s),
                            .inputs = std::vector<Input>(count, in(s)),
                            .run = sgd(o),
                            .reference = sgd_reference(o),
                            .dtypes = dtypes});
    };
    const auto add_adam = [&](const std::string& label, const AdamStepOptions& o) {
      sink.add("adam_step", {.label = str(label, " ", s),
                             .inputs = {in(s), in(s), in(s), in(s).positive()},
                             .run = adam(o),
                             .reference = adam_reference(o),
                             .dtypes = dtypes});
    };
    add_sgd("plain", 2, {.lr = 0.1, .weight_decay = 0.01});
    add_sgd("momentum", 3, {.lr = 0.1, .momentum = 0.9, .dampening = 0.2, .weight_decay = 0.01});
    add_adam("adam", {.lr = 0.05, .weight_decay = 0.1});
    add_adam("adamw", {.lr = 0.05, .weight_decay = 0.1, .decoupled = true, .step = 7});
  }
  const SgdStepOptions nesterov{.lr = 0.1, .momentum = 0.9, .nesterov = true, .maximize = true};
  sink.add("sgd_step", {.label = "nesterov, maximize",
                        .inputs = {in({9}), in({9}), in({9})},
                        .run = sgd(nesterov),
                        .reference = sgd_reference(nesterov)});
  const AdamStepOptions amsgrad{.lr = 0.05, .maximize = true, .step = 3};
  sink.add("adam_step", {.label = "amsgrad, maximize",
                         .inputs = {in({9}), in({9}), in({9}), in({9}).positive(), in({9}).positive()},
                         .run = adam(amsgrad),
                         .reference = adam_reference(amsgrad)});

  for (const size_t lists : {2, 3}) {
    const SgdStepOptions o{.lr = 0.1, .momentum = lists == 3 ? 0.9 : 0, .weight_decay = 0.01};
    sink.add("sgd_step", {.label = str("lr in a tensor, ", lists, " lists"),
                          .inputs = std::vector<Input>(lists, in({9})),
                          .run = sgd_with_tensors(o),
                          .reference = sgd_reference(o)});
  }
  for (const bool decoupled : {false, true}) {
    const AdamStepOptions o{.lr = 0.05, .weight_decay = 0.1, .decoupled = decoupled, .step = 7};
    sink.add("adam_step", {.label = str("lr and step in tensors, decoupled ", decoupled),
                           .inputs = {in({9}), in({9}), in({9}), in({9}).positive()},
                           .run = adam_with_tensors(o),
                           .reference = adam_reference(o)});
  }

  for (double p : {1.0, 2.0, 3.0, std::numeric_limits<double>::infinity()})
    sink.add("multi_tensor_norm", {.label = str("p = ", p),
                                   .inputs = {in({40, 30}), in({5}), in({})},
                                   .run = [p](const Tensors& t) { return multi_tensor_norm(t, p); },
                                   .reference = norm_reference(p),
                                   .dtypes = kF32F64});
  for (double limit : {0.5, 1000.0})
    sink.add("clip_by_norm", {.label = str("to ", limit),
                              .inputs = {in({6, 7}), in({3})},
                              .run =
                                  [limit](const Tensors& t) {
                                    const Tensors copies = clones(t);
                                    clip_by_norm_(copies, multi_tensor_norm(copies), limit);
                                    return copies;
                                  },
                              .reference = Reference([limit]<class T>(const Arrays<T>& in) {
                                double sum = 0;
                                for (const auto& array : in)
                                  for (T x : array.data) sum += double(x) * double(x);
                                const double factor = std::min(1.0, limit / (std::sqrt(sum) + 1e-6));
                                Arrays<T> out = in;
                                for (auto& array : out)
                                  for (T& x : array.data) x = T(x * factor);
                                return out;
                              }),
                              .dtypes = kF32F64});

  const auto list = [](const Shape& s) { return Tensors{zeros(s)}; };
  sink.error<ShapeError>(
      "sgd_step", [=] { sgd_step_(list({2}), list({3}), {}, {}); },
      "sgd_step_: grads[0] must have the shape of params[0], [2], got f32 [3] cpu");
  sink.error<ValueError>(
      "sgd_step", [=] { sgd_step_(list({2}), {}, {}, {}); },
      "sgd_step_: grads must have as many tensors as params, 1, got 0");
  sink.error<ValueError>(
      "adam_step", [=] { adam_step_(list({2}), list({2}), list({2}), list({2}), {}, {.step = 0}); },
      "adam_step_: step must be at least 1, got 0");
  const auto adam_with = [=](const Tensor& lr, const Tensor& step) {
    adam_step_(list({2}), list({2}), list({2}), list({2}), {}, {}, lr, step);
  };
  sink.error<DTypeError>(
      "adam_step", [=] { adam_with(zeros({}), {}); },
      "adam_step_: lr_tensor must have dtype f64, got f32 [] cpu");
  sink.error<ShapeError>(
      "adam_step", [=] { adam_with({}, zeros({1}, {.dtype = DType::i64})); },
      "adam_step_: step_tensor must be 0-dim, got i64 [1] cpu");
  sink.error<DeviceError>(
      "sgd_step",
      [=] { sgd_step_(list({2}), list({2}), {}, {}, zeros({}, {.dtype = DType::f64, .device = Device::meta()})); },
      "sgd_step_: tensors must be on one device, got cpu and meta (f32 [2] cpu and f64 [] meta)");
  sink.error<ValueError>(
      "multi_tensor_norm", [=] { return multi_tensor_norm(list({2}), 0); },
      "multi_tensor_norm: p must be positive, got 0");
  sink.error<ShapeError>(
      "clip_by_norm", [=] { clip_by_norm_(list({2}), zeros({2}), 1); },
      "clip_by_norm_: norm must be one floating number, got f32 [2] cpu");
  // Reaches as far as a dense tensor of its size would, and holds each element twice.
  sink.error<ValueError>(
      "clip_by_norm",
      [] { clip_by_norm_(std::vector<Tensor>{ones({2, 3}).narrow(1, 0, 1).expand({2, 2})}, ones({}), 0.1); },
      "clip_by_norm_: tensors[0] must be dense, got strides [3, 0] (f32 [2, 2] cpu)");
}

}  // namespace farro::opcheck
