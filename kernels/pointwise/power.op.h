// SPDX-License-Identifier: Apache-2.0
// The op structs of power.h, for its kernels.
#pragma once

#include <farro/core/api.h>
#include <farro/kernels/pointwise/op_shapes.h>

namespace farro {

struct FARRO_API PowScalar {
  static constexpr OpInfo info{.name = "pow_scalar", .autocast = Autocast::full};
  static constexpr PointwiseKind kKind = PointwiseKind::arithmetic;
  struct Args {
    const Tensor& base;
    Scalar exponent;
    static constexpr std::array names{"base", "exponent"};
  };
  static constexpr Keep kKeep = Keep::inputs<Args>("base");
  static std::array<const Tensor*, 1> inputs(const Args& args) { return {&args.base}; }
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<PowScalar>& b);
  static Cost cost(const Args& args) { return pointwise_cost(kKind, {&args.base, 1}, 1); }
};

struct FARRO_API Pow {
  static constexpr OpInfo info{.name = "pow", .autocast = Autocast::full};
  static constexpr bool kHostNumbers = true;
  static constexpr PointwiseKind kKind = PointwiseKind::arithmetic;
  struct Args {
    const Tensor& base;
    const Tensor& exponent;
    static constexpr std::array names{"base", "exponent"};
  };
  static constexpr Keep kKeep = Keep::inputs<Args>("base", "exponent") | Keep::outputs(0);
  static Keep keep(const Args&, Need need) {
    return Keep::inputs<Args>("base", "exponent") | Keep::outputs(0).when(need[1]);
  }
  static std::array<const Tensor*, 2> inputs(const Args& args) { return {&args.base, &args.exponent}; }
  static TensorSpec infer(const Args& args) { return pointwise_spec(info.name, kKind, args.base, args.exponent); }
  static Grads backward(const Back<Pow>& b);
  static Cost cost(const Args& args);
};

}  // namespace farro
