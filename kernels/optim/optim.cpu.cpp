// SPDX-License-Identifier: Apache-2.0
// The CPU loops of the fused optimizer steps and of norms and clipping. One pass reads parameter, gradient and states
// and writes parameter and states; computing each operation by itself would go through memory several times as often.
#include <farro/core/op/op_table.h>
#include <farro/kernels/optim/multi_tensor.h>
#include <farro/kernels/optim/optim.op.h>

namespace farro::FARRO_ISA {

namespace {

float root(float x) { return __builtin_sqrtf(x); }
double root(double x) { return __builtin_sqrt(x); }
float magnitude(float x) { return __builtin_fabsf(x); }
double magnitude(double x) { return __builtin_fabs(x); }

template <class T>
T number_or(const Tensor& number, T otherwise) {
  return number.defined() ? *static_cast<const T*>(number.raw_data()) : otherwise;
}

struct SgdConstants {
  const SgdStep::Args& args;
  double lr;
};

// `constants` are SgdConstants.
template <class T, bool kMomentum>
void sgd_loop(void* const* data, int64_t n, const void* constants) {
  const auto& [args, rate] = *static_cast<const SgdConstants*>(constants);
  const T sign = args.maximize ? -1 : 1, decay = T(args.weight_decay), lr = T(rate);
  T* p = static_cast<T*>(data[0]);
  const T* g = static_cast<const T*>(data[1]);
  if constexpr (!kMomentum) {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) p[i] -= lr * (sign * g[i] + decay * p[i]);
  } else {
    T* b = static_cast<T*>(data[2]);
    const T momentum = T(args.momentum), take = T(1 - args.dampening);
    // from_grad * g + from_buffer * b serves both forms without a branch in the loop.
    const T from_grad = args.nesterov ? 1 : 0, from_buffer = args.nesterov ? momentum : 1;
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) {
      const T grad = sign * g[i] + decay * p[i];
      // PyTorch's SGD: b = momentum b + (1 - dampening) g; p -= lr b, or with Nesterov p -= lr (g + momentum b).
      b[i] = momentum * b[i] + take * grad;
      p[i] -= lr * (from_grad * grad + from_buffer * b[i]);
    }
  }
}

void sgd_kernel(Ctx&, const SgdStep::Args& args, Outputs<SgdStep>&) {
  const TensorList lists[] = {args.params, args.grads, args.momentum_buffers};
  const SgdConstants constants{args, number_or(args.lr_tensor, args.lr)};
  if (args.momentum_buffers.empty()) {
    run_lists({lists, 2}, 1, {&sgd_loop<float, false>, &sgd_loop<double, false>}, &constants);
  } else {
    run_lists({lists, 3}, 1, {&sgd_loop<float, true>, &sgd_loop<double, true>}, &constants);
  }
}

// `constants` are AdamConstants.
template <class T, bool kMax>
void adam_loop(void* const* data, int64_t n, const void* constants) {
  const auto& c = *static_cast<const AdamConstants*>(constants);
  const T sign = T(c.sign), decay = T(c.coupled_decay), keep = T(c.keep), step_size = T(c.step_size), eps = T(c.eps);
  const T beta1 = T(c.beta1), take1 = T(c.one_minus_beta1), beta2 = T(c.beta2), take2 = T(c.one_minus_beta2),
          correct2 = T(c.inv_correction2);
  T* p = static_cast<T*>(data[0]);
  const T* g = static_cast<const T*>(data[1]);
  T* m = static_cast<T*>(data[2]);
  T* v = static_cast<T*>(data[3]);
  T* most = kMax ? static_cast<T*>(data[4]) : v;
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) {
    const T grad = sign * g[i] + decay * p[i];
    // Kingma and Ba 2014, algorithm 1, with both corrections of the bias moved into constants; weight decay is part of
    // the gradient (Adam) or shrinks the parameter by `keep` (AdamW, Loshchilov and Hutter 2019).
    m[i] = beta1 * m[i] + take1 * grad;
    const T second = v[i] * beta2 + take2 * grad * grad;
    v[i] = second;
    const T used = kMax && most[i] > second ? most[i] : second;
    if constexpr (kMax) most[i] = used;
    p[i] = p[i] * keep - step_size * m[i] / (root(used) * correct2 + eps);
  }
}

void adam_kernel(Ctx&, const AdamStep::Args& args, Outputs<AdamStep>&) {
  const TensorList lists[] = {args.params, args.grads, args.exp_avgs, args.exp_avg_sqs, args.max_exp_avg_sqs};
  const AdamConstants constants(args, number_or(args.lr_tensor, args.lr), number_or(args.step_tensor, args.step));
  if (args.max_exp_avg_sqs.empty()) {
    run_lists({lists, 4}, 1, {&adam_loop<float, false>, &adam_loop<double, false>}, &constants);
  } else {
    run_lists({lists, 5}, 1, {&adam_loop<float, true>, &adam_loop<double, true>}, &constants);
  }
}

template <class T>
void scale_loop(void* const* data, int64_t n, const void* constants) {
  const T factor = T(*static_cast<const double*>(constants));
  T* x = static_cast<T*>(data[0]);
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) x[i] *= factor;
}

void clip_kernel(Ctx&, const ClipByNorm::Args& args, Outputs<ClipByNorm>&) {
  // 1e-6 as in PyTorch's clip_grad_norm_.
  const double factor = args.max_norm / (args.norm.item<double>() + 1e-6);
  if (factor >= 1) return;  // a NaN goes on, as in PyTorch
  run_lists({&args.tensors, 1}, -1, {&scale_loop<float>, &scale_loop<double>}, &factor);
}

// Independent sums, so that the compiler may use vectors without reordering anything.
constexpr int kLanes = 16;

template <class T, class F>
double sum_of(const void* data, int64_t n, F f) {
  const T* x = static_cast<const T*>(data);
  double lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (int k = 0; k < kLanes; ++k) lanes[k] += f(double(x[i + k]));
  for (int k = 0; i < n; ++i, ++k) lanes[k] += f(double(x[i]));
  double sum = 0;
  for (double lane : lanes) sum += lane;
  return sum;
}

template <class T>
double sum_of_squares(const void* data, int64_t n, double) {
  return sum_of<T>(data, n, [](double x) { return x * x; });
}
template <class T>
double sum_of_magnitudes(const void* data, int64_t n, double) {
  return sum_of<T>(data, n, [](double x) { return magnitude(x); });
}
template <class T>
double sum_of_powers(const void* data, int64_t n, double p) {
  return sum_of<T>(data, n, [p](double x) { return __builtin_pow(magnitude(x), p); });
}
template <class T>
double largest_magnitude(const void* data, int64_t n, double) {
  const T* x = static_cast<const T*>(data);
  T most = 0;
  for (int64_t i = 0; i < n; ++i) {
    const T value = magnitude(x[i]);
    most = value > most || value != value ? value : most;
    // Nothing outdoes NaN.
    if (most != most) break;
  }
  return double(most);
}

double norm_of(TensorList tensors, double p) {
  if (p == 2) return root(reduce_list(tensors, &sum_of_squares<float>, &sum_of_squares<double>, p, false));
  if (p == 1) return reduce_list(tensors, &sum_of_magnitudes<float>, &sum_of_magnitudes<double>, p, false);
  if (p == __builtin_inf()) return reduce_list(tensors, &largest_magnitude<float>, &largest_magnitude<double>, p, true);
  return __builtin_pow(reduce_list(tensors, &sum_of_powers<float>, &sum_of_powers<double>, p, false), 1 / p);
}

void norm_kernel(Ctx&, const MultiTensorNorm::Args& args, Outputs<MultiTensorNorm>& out) {
  const double norm = norm_of(args.tensors, args.p);
  if (out[0].dtype() == DType::f64) {
    *static_cast<double*>(out[0].raw_data()) = norm;
  } else {
    *static_cast<float*>(out[0].raw_data()) = static_cast<float>(norm);
  }
}

}  // namespace

void register_optim_cpu();
void register_optim_cpu() {
  register_kernel<SgdStep>(DeviceType::cpu, &sgd_kernel);
  register_kernel<AdamStep>(DeviceType::cpu, &adam_kernel);
  register_kernel<MultiTensorNorm>(DeviceType::cpu, &norm_kernel);
  register_kernel<ClipByNorm>(DeviceType::cpu, &clip_kernel);
}

}  // namespace farro::FARRO_ISA
