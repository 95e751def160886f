// The op structs of power.h, for its kernels.
#pragma once

#include <farro/kernels/pointwise/op_shapes.h>

namespace farro {

struct PowScalar {
  static constexpr OpInfo info{.name = "pow_scalar", .autocast = Autocast::full};
  static constexpr PointwiseKind kKind = PointwiseKind::arithmetic;
  struct Args {
    const Tensor& base;
    Scalar exponent;
    static constexpr std::array names{"base", "exponent"};
    auto fields() const { return std::tie(base, exponent); }
  };
  struct Saved {
    SavedTensor base;
    Scalar exponent = 0;
  };
  static std::array<const Tensor*, 1> inputs(const Args& args) { return {&args.base}; }
  static TensorSpec infer(const Args& args);
  static Saved save(const Args& args, const Outputs<PowScalar>&, Need) {
    return {SavedTensor(args.base), args.exponent};
  }
  static Grads backward(const Saved& saved, const Grads& grads, Need);
  static Cost cost(const Args& args) { return pointwise_cost(kKind, {&args.base, 1}, 1); }
};

struct Pow {
  static constexpr OpInfo info{.name = "pow", .autocast = Autocast::full};
  static constexpr bool kHostNumbers = true;
  static constexpr PointwiseKind kKind = PointwiseKind::arithmetic;
  struct Args {
    const Tensor& base;
    const Tensor& exponent;
    static constexpr std::array names{"base", "exponent"};
    auto fields() const { return std::tie(base, exponent); }
  };
  struct Saved {
    SavedTensor base, exponent, out;
  };
  static std::array<const Tensor*, 2> inputs(const Args& args) { return {&args.base, &args.exponent}; }
  static TensorSpec infer(const Args& args) { return pointwise_spec(info.name, kKind, args.base, args.exponent); }
  static Saved save(const Args& args, const Outputs<Pow>& out, Need need) {
    return {SavedTensor(args.base), SavedTensor(args.exponent), need[1] ? SavedTensor::output(out[0]) : SavedTensor()};
  }
  static Grads backward(const Saved& saved, const Grads& grads, Need need);
  static Cost cost(const Args& args);
};

}  // namespace farro
