// SPDX-License-Identifier: Apache-2.0
// The functions that formulas call, on the CPU: vectorised ones of kernels/cpu, in each instruction set.
#pragma once

#include <farro/kernels/cpu/vector_math.h>
#include <farro/kernels/cpu/vector_normal.h>

#include <cmath>

namespace farro::FARRO_ISA {

struct HostMath {
  // sin, cos and pow are for a part of their arguments; see host_loops.h.
  static constexpr bool kHasSlowValues = true;
  static auto has_fast_trig(auto a) { return vmath::has_fast_trig(a); }
  static auto has_fast_pow(auto a, auto b) { return vmath::has_fast_pow(a, b); }
  static auto slow_sin(auto a) { return std::sin(a); }
  static auto slow_cos(auto a) { return std::cos(a); }
  static auto slow_pow(auto a, auto b) { return std::pow(a, b); }

  static auto exp(auto a) { return vmath::exp(a); }
  static auto expm1(auto a) { return vmath::expm1(a); }
  static auto log(auto a) { return vmath::log(a); }
  static auto log1p(auto a) { return vmath::log1p(a); }
  static auto sin(auto a) { return vmath::sin(a); }
  static auto cos(auto a) { return vmath::cos(a); }
  static auto tanh(auto a) { return vmath::tanh(a); }
  static auto sigmoid(auto a) { return vmath::sigmoid(a); }
  static auto erf(auto a) { return vmath::erf(a); }
  static auto pow(auto a, auto b) { return vmath::pow(a, b); }
  static auto sqrt(auto a) { return std::sqrt(a); }
  static auto floor(auto a) { return std::floor(a); }
  static auto ceil(auto a) { return std::ceil(a); }
  static auto rint(auto a) { return std::rint(a); }
  static auto fabs(auto a) { return std::fabs(a); }
  static auto fma(auto a, auto b, auto c) { return std::fma(a, b, c); }
  // a P(X <= a) for a standard normal X, and its derivative.
  static auto gelu(auto a) { return vmath::gelu(a); }
  static auto gelu_derivative(auto a) { return vmath::gelu_derivative(a); }
};

}  // namespace farro::FARRO_ISA
