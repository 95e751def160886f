// SPDX-License-Identifier: Apache-2.0
// The CPU loops of functions of one argument. Sine and cosine have a fast form for arguments that are not huge and take
// the standard library's elsewhere.
#include <farro/kernels/cpu/vector_math.h>
#include <farro/kernels/cpu/vector_normal.h>
#include <farro/kernels/cpu/wrapping.h>
#include <farro/kernels/pointwise/host_loops.h>
#include <farro/kernels/pointwise/unary.op.h>

#include <cmath>

namespace farro::FARRO_ISA {

namespace {

struct SinFn {
  bool is_fast(auto a) const { return vmath::has_fast_trig(a); }
  auto slow(auto a) const { return std::sin(a); }
  auto operator()(auto a) const { return vmath::sin(a); }
};
struct CosFn {
  bool is_fast(auto a) const { return vmath::has_fast_trig(a); }
  auto slow(auto a) const { return std::cos(a); }
  auto operator()(auto a) const { return vmath::cos(a); }
};

// A function that leaves integers alone.
template <class F>
struct OnReals {
  F f;
  auto operator()(auto a) const {
    if constexpr (std::is_integral_v<decltype(a)>)
      return a;
    else
      return f(a);
  }
};
template <class F>
OnReals(F) -> OnReals<F>;

}  // namespace

void register_unary_cpu();
void register_unary_cpu() {
  register_pointwise<Exp>([](const UnaryArgs&) { return [](auto a) { return vmath::exp(a); }; });
  register_pointwise<Expm1>([](const UnaryArgs&) { return [](auto a) { return vmath::expm1(a); }; });
  register_pointwise<Log>([](const UnaryArgs&) { return [](auto a) { return vmath::log(a); }; });
  register_pointwise<Log1p>([](const UnaryArgs&) { return [](auto a) { return vmath::log1p(a); }; });
  register_pointwise<Sqrt>([](const UnaryArgs&) { return [](auto a) { return std::sqrt(a); }; });
  register_pointwise<Rsqrt>([](const UnaryArgs&) { return [](auto a) { return 1 / std::sqrt(a); }; });
  register_pointwise<Reciprocal>([](const UnaryArgs&) { return [](auto a) { return 1 / a; }; });
  register_pointwise<Sin>([](const UnaryArgs&) { return SinFn(); });
  register_pointwise<Cos>([](const UnaryArgs&) { return CosFn(); });
  register_pointwise<Erf>([](const UnaryArgs&) { return [](auto a) { return vmath::erf(a); }; });
  register_pointwise<Abs>([](const UnaryArgs&) {
    return [](auto a) {
      if constexpr (std::is_integral_v<decltype(a)>)
        return a < 0 ? wrap_sub(decltype(a){0}, a) : a;
      else
        return std::fabs(a);
    };
  });
  register_pointwise<Square>([](const UnaryArgs&) { return [](auto a) { return wrap_mul(a, a); }; });
  register_pointwise<Sign>([](const UnaryArgs&) {
    return [](auto a) {
      using T = decltype(a);
      return a > 0 ? T{1} : a < 0 ? T{-1} : a;  // a itself keeps 0 and NaN
    };
  });
  register_pointwise<Floor>([](const UnaryArgs&) { return OnReals{[](auto a) { return std::floor(a); }}; });
  register_pointwise<Ceil>([](const UnaryArgs&) { return OnReals{[](auto a) { return std::ceil(a); }}; });
  register_pointwise<Round>([](const UnaryArgs&) { return OnReals{[](auto a) { return std::rint(a); }}; });
}

}  // namespace farro::FARRO_ISA
