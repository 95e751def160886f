// SPDX-License-Identifier: Apache-2.0
// For *.cpu.cpp files of elementwise ops: turns formulas (formula.h), or any small function object, into kernels.
//
// The op names its inputs by `static auto inputs(const Args&)` (an array of const Tensor*) and its PointwiseKind by
// kKind. Arithmetic and comparisons are instantiated for float, double and int64_t, floating kinds for float and
// double.
#pragma once

#include <farro/core/dtype/visit.h>
#include <farro/core/op/op_table.h>
#include <farro/kernels/pointwise/formula.h>
#include <farro/kernels/pointwise/pointwise_op.h>

#include <array>
#include <type_traits>

namespace farro::FARRO_ISA {

// A function that is fast for most values only says which (is_fast) and what to do for the others (slow); a block that
// has one of the others takes the slow way.
template <class F, class... T>
inline constexpr bool kHasSlowValues = requires(const F& f, T... values) { f.is_fast(values...); };

template <class F, class... T>
auto evaluate(const F& f, T... values) {
  if constexpr (kHasSlowValues<F, T...>)
    return f.is_fast(values...) ? f(values...) : f.slow(values...);
  else
    return f(values...);
}

// o[i] = f(values(i)...) where f has slow values.
template <class R, class F, class... Values>
void loop_with_slow_values(R* o, int64_t n, const F& f, Values... values) {
  constexpr int64_t kBlock = 64;
  for (int64_t at = 0; at < n; at += kBlock) {
    const int64_t end = n - at < kBlock ? n : at + kBlock;
    int slow = 0;
    for (int64_t i = at; i < end; ++i) slow |= !f.is_fast(values(i)...);
    if (slow) {
      for (int64_t i = at; i < end; ++i) o[i] = static_cast<R>(evaluate(f, values(i)...));
    } else {
#pragma GCC ivdep
      for (int64_t i = at; i < end; ++i) o[i] = static_cast<R>(f(values(i)...));
    }
  }
}

template <class T, class R, class F>
void unary_loop(void* out, const void* const* in, const bool* scalar, int64_t n, const void* functor) {
  const F& f = *static_cast<const F*>(functor);
  R* o = static_cast<R*>(out);
  const T* a = static_cast<const T*>(in[0]);
  if (scalar[0]) {
    const R value = static_cast<R>(evaluate(f, *a));
    for (int64_t i = 0; i < n; ++i) o[i] = value;
  } else if constexpr (kHasSlowValues<F, T>) {
    loop_with_slow_values(o, n, f, [a](int64_t i) { return a[i]; });
  } else {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) o[i] = static_cast<R>(f(a[i]));
  }
}

template <class T, class R, class F>
void binary_loop(void* out, const void* const* in, const bool* scalar, int64_t n, const void* functor) {
  const F& f = *static_cast<const F*>(functor);
  R* o = static_cast<R*>(out);
  const T* a = static_cast<const T*>(in[0]);
  const T* b = static_cast<const T*>(in[1]);
  if constexpr (kHasSlowValues<F, T, T>) {
    const int64_t sa = !scalar[0], sb = !scalar[1];
    loop_with_slow_values(o, n, f, [a, sa](int64_t i) { return a[i * sa]; }, [b, sb](int64_t i) { return b[i * sb]; });
  } else if (!scalar[0] && !scalar[1]) {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) o[i] = static_cast<R>(f(a[i], b[i]));
  } else if (!scalar[0]) {
    const T y = *b;
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) o[i] = static_cast<R>(f(a[i], y));
  } else if (!scalar[1]) {
    const T x = *a;
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) o[i] = static_cast<R>(f(x, b[i]));
  } else {
    const R value = static_cast<R>(f(*a, *b));
    for (int64_t i = 0; i < n; ++i) o[i] = value;
  }
}

// Three inputs: each is walked or stands still.
template <class T, class R, class F>
void ternary_loop(void* out, const void* const* in, const bool* scalar, int64_t n, const void* functor) {
  const F& f = *static_cast<const F*>(functor);
  R* o = static_cast<R*>(out);
  const T* a = static_cast<const T*>(in[0]);
  const T* b = static_cast<const T*>(in[1]);
  const T* c = static_cast<const T*>(in[2]);
  if (!scalar[0] && !scalar[1] && !scalar[2]) {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) o[i] = static_cast<R>(f(a[i], b[i], c[i]));
    return;
  }
  const int64_t sa = !scalar[0], sb = !scalar[1], sc = !scalar[2];
  for (int64_t i = 0; i < n; ++i) o[i] = static_cast<R>(f(a[i * sa], b[i * sb], c[i * sc]));
}

template <class T, class R, int N, class F>
constexpr PointwiseLoop loop_for() {
  if constexpr (N == 1)
    return &unary_loop<T, R, F>;
  else if constexpr (N == 2)
    return &binary_loop<T, R, F>;
  else
    return &ternary_loop<T, R, F>;
}

// The path of small operands: all of one dtype, dense and as many as the result; returns false for anything else.
template <class T, int N, class F>
bool run_small(const TensorImpl& out, const std::array<const Tensor*, size_t(N)>& inputs, const F& functor) {
  // f32 only: the dtype of nearly all small operands, and one more instance of each loop would be compiled for another.
  if (out.dtype != dtype_of<T> || !out.contiguous || out.numel > kPointwiseGrain) return false;
  const auto first = [](const TensorImpl& t) { return static_cast<T*>(t.storage->data()) + t.offset; };
  const void* in[N];
  constexpr bool scalar[N] = {};
  for (size_t k = 0; k < size_t(N); ++k) {
    const TensorImpl& impl = *inputs[k]->impl();
    if (impl.dtype != dtype_of<T> || !impl.contiguous || impl.numel != out.numel) return false;
    in[k] = first(impl);
  }
  loop_for<T, T, N, F>()(first(out), in, scalar, out.numel, &functor);
  return true;
}

// Runs an elementwise op with the function object `functor`; what a kernel does that chooses between several.
template <class Op, class F>
void run_pointwise_op(const typename Op::Args& args, Outputs<Op>& out, const F& functor) {
  constexpr bool kTests = Op::kKind == PointwiseKind::comparison || Op::kKind == PointwiseKind::logical;
  const auto inputs = Op::inputs(args);
  constexpr int kInputs = static_cast<int>(std::tuple_size_v<std::remove_const_t<decltype(inputs)>>);
  if constexpr (!kTests) {
    if (run_small<float, kInputs>(*out[0].impl(), inputs, functor)) return;
  }
  const DType compute = pointwise_compute(Op::kKind, inputs);
  const auto run = [&]<class T>(TypeTag<T>) {
    using R = std::conditional_t<kTests, bool, T>;
    run_pointwise(out[0], inputs, {loop_for<T, R, kInputs, F>(), &functor, compute, kTests ? DType::boolean : compute});
  };
  if (compute == DType::f32) return run(TypeTag<float>{});
  if (compute == DType::f64) return run(TypeTag<double>{});
  if constexpr (Op::kKind != PointwiseKind::floating) run(TypeTag<int64_t>{});
}

template <class Op, class M>
void formula_kernel(Ctx&, const typename Op::Args& args, Outputs<Op>& out) {
  with_formula<Op, M>(args, [&](const auto& functor) { run_pointwise_op<Op>(args, out, functor); });
}

template <class M, class... Op>
void register_formulas(OpList<Op...>) {
  (register_kernel<Op>(DeviceType::cpu, &formula_kernel<Op, M>), ...);
}

}  // namespace farro::FARRO_ISA
