// The op structs of select.h, for its kernels.
#pragma once

#include <farro/kernels/pointwise/op_shapes.h>

namespace farro {

struct Where {
  static constexpr OpInfo info{.name = "where"};
  static constexpr bool kHostNumbers = true;
  static constexpr PointwiseKind kKind = PointwiseKind::arithmetic;
  struct Args {
    const Tensor& condition;
    const Tensor& a;
    const Tensor& b;
    static constexpr std::array names{"condition", "a", "b"};
    auto fields() const { return std::tie(condition, a, b); }
  };
  struct Saved {
    SavedTensor condition;
  };
  static std::array<const Tensor*, 3> inputs(const Args& args) { return {&args.condition, &args.a, &args.b}; }
  static TensorSpec infer(const Args& args);
  static Saved save(const Args& args, const Outputs<Where>&, Need) { return {SavedTensor(args.condition)}; }
  static Grads backward(const Saved& saved, const Grads& grads, Need need);
  static Cost cost(const Args& args);
};

struct MaskedFill {
  static constexpr OpInfo info{.name = "masked_fill"};
  static constexpr bool kHostNumbers = true;
  static constexpr PointwiseKind kKind = PointwiseKind::arithmetic;
  struct Args {
    const Tensor& a;
    const Tensor& mask;
    Scalar value;
    static constexpr std::array names{"a", "mask", "value"};
    auto fields() const { return std::tie(a, mask, value); }
  };
  struct Saved {
    SavedTensor mask;
  };
  static std::array<const Tensor*, 2> inputs(const Args& args) { return {&args.a, &args.mask}; }
  static TensorSpec infer(const Args& args);
  static Saved save(const Args& args, const Outputs<MaskedFill>&, Need) { return {SavedTensor(args.mask)}; }
  static Grads backward(const Saved& saved, const Grads& grads, Need need);
  static Cost cost(const Args& args);
};

struct Clamp {
  static constexpr OpInfo info{.name = "clamp"};
  static constexpr PointwiseKind kKind = PointwiseKind::arithmetic;
  struct Args {
    const Tensor& a;
    Scalar low;
    Scalar high;
    static constexpr std::array names{"a", "low", "high"};
    auto fields() const { return std::tie(a, low, high); }
  };
  struct Saved {
    SavedTensor a;
    bool from_output = false;
    Scalar low = 0, high = 0;
  };
  static std::array<const Tensor*, 1> inputs(const Args& args) { return {&args.a}; }
  static TensorSpec infer(const Args& args);
  // In place the input is gone: the output says where the gradient passes, but for values that were equal to a bound.
  static Saved save(const Args& args, const Outputs<Clamp>& out, Need) {
    const bool in_place = out[0].is_same(args.a);
    return {in_place ? SavedTensor::output(out[0]) : SavedTensor(args.a), in_place, args.low, args.high};
  }
  static Grads backward(const Saved& saved, const Grads& grads, Need);
  static Cost cost(const Args& args) { return pointwise_cost(kKind, {&args.a, 1}, 2); }
};

struct Maximum : BinaryOp<Maximum> {
  static constexpr OpInfo info{.name = "maximum"};
  static constexpr PointwiseKind kKind = PointwiseKind::arithmetic;
  struct Saved {
    SavedTensor a, b;
  };
  static Saved save(const Args& args, const Outputs<Maximum>&, Need) {
    return {SavedTensor(args.a), SavedTensor(args.b)};
  }
  static Grads backward(const Saved& saved, const Grads& grads, Need need);
};

struct Minimum : BinaryOp<Minimum> {
  static constexpr OpInfo info{.name = "minimum"};
  static constexpr PointwiseKind kKind = PointwiseKind::arithmetic;
  using Saved = Maximum::Saved;
  static Saved save(const Args& args, const Outputs<Minimum>&, Need) {
    return {SavedTensor(args.a), SavedTensor(args.b)};
  }
  static Grads backward(const Saved& saved, const Grads& grads, Need need);
};

}  // namespace farro
