// SPDX-License-Identifier: Apache-2.0
// amax, amin, max, min, argmax and argmin on the CPU: folds for the reduction driver. NaN counts as greater than any
// number for a maximum and less for a minimum, so it is always what comes out.
#include <farro/core/op/op_table.h>
#include <farro/kernels/reduce/extremum.op.h>
#include <farro/kernels/reduce/host_loops.h>

#include <limits>

namespace farro::FARRO_ISA {

namespace {

template <class L>
constexpr L lowest() {
  // Neutral: no value is less, and an empty chunk adds nothing.
  return std::is_integral_v<L> ? std::numeric_limits<L>::min() : -std::numeric_limits<L>::infinity();
}
template <class L>
constexpr L highest() {
  return std::is_integral_v<L> ? std::numeric_limits<L>::max() : std::numeric_limits<L>::infinity();
}

struct MaxFold {
  template <class T>
  using Lane = T;
  template <class L>
  static constexpr L identity() {
    return lowest<L>();
  }
  template <class A>
  static A step(A a, A x) {
    return (x > a) | (x != x) ? x : a;
  }
  template <class A>
  static bool better(A x, A a) {
    // Bitwise, not logical: without branches the loop vectorises. The first NaN stays, so that its index is the result.
    return (x > a) | ((x != x) & (a == a));
  }
};

struct MinFold {
  template <class T>
  using Lane = T;
  template <class L>
  static constexpr L identity() {
    return highest<L>();
  }
  template <class A>
  static A step(A a, A x) {
    return (x < a) | (x != x) ? x : a;
  }
  template <class A>
  static bool better(A x, A a) {
    // As in MaxFold.
    return (x < a) | ((x != x) & (a == a));
  }
};

template <class Op, class Fold>
void register_extremum_of() {
  register_kernel<Op>(DeviceType::cpu, [](Ctx&, const typename Op::Args& args, Outputs<Op>& out) {
    const DType compute = compute_type(args.input.dtype());
    if constexpr (std::is_same_v<typename Op::Args, ReduceArgs>) {
      run_reduce(&out[0], nullptr, args.input, reduced_dims(Op::info.name, args.input, args.dims),
                 {{fold_loops<Fold>(compute), nullptr}, compute});
    } else {
      constexpr bool kOnlyIndices = kOutputs<Op> == 1;
      run_reduce(kOnlyIndices ? nullptr : &out[0], &out.back(), args.input,
                 reduced_dims(Op::info.name, args.input, {args.dim}),
                 {{indexed_loops<Fold>(compute), nullptr}, compute});
    }
  });
}

}  // namespace

void register_extremum_cpu();
void register_extremum_cpu() {
  register_extremum_of<AMax, MaxFold>();
  register_extremum_of<AMin, MinFold>();
  register_extremum_of<MaxDim, MaxFold>();
  register_extremum_of<MinDim, MinFold>();
  register_extremum_of<ArgMax, MaxFold>();
  register_extremum_of<ArgMin, MinFold>();
}

}  // namespace farro::FARRO_ISA
