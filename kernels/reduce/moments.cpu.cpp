// SPDX-License-Identifier: Apache-2.0
// var, norm and logsumexp on the CPU: folds for the reduction driver, with sums in double.
#include <farro/core/op/op_table.h>
#include <farro/kernels/cpu/vector_math.h>
#include <farro/kernels/reduce/host_loops.h>
#include <farro/kernels/reduce/moments.op.h>

#include <cmath>
#include <limits>

namespace farro::FARRO_ISA {

namespace {

struct RealSum {
  template <class T>
  using Lane = double;
  template <class L>
  static constexpr L identity() {
    return 0;
  }
  template <class A>
  static A step(A a, A x) {
    return a + x;
  }
};

// The variance takes two passes: sum((x - mean)^2) keeps its digits where the mean is large beside the deviation,
// unlike sum(x^2) - n mean^2.
struct CenterFold : RealSum {
  static double finish(double a, double, int64_t count, const void*) { return a / static_cast<double>(count); }
};
// Second pass: `first` is the mean.
struct SpreadFold : RealSum {
  template <class T>
  static double map(T x, double mean, const void*) {
    const double distance = static_cast<double>(x) - mean;
    return distance * distance;
  }
  static double finish(double a, double, int64_t count, const void* params) {
    // n - 1 for the unbiased estimate; of a single value that is 0 / 0, NaN.
    const int64_t divisor = count - *static_cast<const bool*>(params);
    return a / static_cast<double>(divisor > 0 ? divisor : 0);
  }
};

struct Norm1Fold : RealSum {
  template <class T>
  static double map(T x, double, const void*) {
    return std::fabs(static_cast<double>(x));
  }
};
struct Norm2Fold : RealSum {
  template <class T>
  static double map(T x, double, const void*) {
    return static_cast<double>(x) * static_cast<double>(x);
  }
  static double finish(double a, double, int64_t, const void*) { return std::sqrt(a); }
};
// (sum |x|^p)^(1/p); 1 and 2 have loops without pow.
struct NormPFold : RealSum {
  template <class T>
  static double map(T x, double, const void* params) {
    return std::pow(std::fabs(static_cast<double>(x)), *static_cast<const double*>(params));
  }
  static double finish(double a, double, int64_t, const void* params) {
    return std::pow(a, 1 / *static_cast<const double*>(params));
  }
};

// First pass: what to subtract before exp. An infinite or missing maximum is not subtracted.
struct ShiftFold {
  template <class T>
  using Lane = T;
  template <class L>
  static constexpr L identity() {
    return -std::numeric_limits<L>::infinity();
  }
  template <class A>
  static A step(A a, A x) {
    return (x > a) | (x != x) ? x : a;
  }
  static double finish(double a, double, int64_t, const void*) { return std::isinf(a) ? 0 : a; }
};
// log(sum(exp(x - m))) + m, with m the maximum: every exponential is at most 1, so nothing overflows.
struct ExpSumFold : RealSum {
  template <class T>
  static T map(T x, double shift, const void*) {
    return vmath::exp(x - static_cast<T>(shift));
  }
  static double finish(double a, double shift, int64_t, const void*) { return std::log(a) + shift; }
};

void var_kernel(Ctx&, const Var::Args& args, Outputs<Var>& out) {
  const DType compute = compute_type(args.input.dtype());
  run_reduce(&out[0], nullptr, args.input, reduced_dims("var", args.input, args.dims),
             {{real_fold_loops<CenterFold>(compute), real_fold_loops<SpreadFold>(compute)}, compute, &args.unbiased});
}

void norm_kernel(Ctx&, const Norm::Args& args, Outputs<Norm>& out) {
  const DType compute = compute_type(args.input.dtype());
  const ReduceLoops* loops = args.p == 1   ? real_fold_loops<Norm1Fold>(compute)
                             : args.p == 2 ? real_fold_loops<Norm2Fold>(compute)
                                           : real_fold_loops<NormPFold>(compute);
  run_reduce(&out[0], nullptr, args.input, reduced_dims("norm", args.input, args.dims),
             {{loops, nullptr}, compute, &args.p});
}

void logsumexp_kernel(Ctx&, const LogSumExp::Args& args, Outputs<LogSumExp>& out) {
  const DType compute = compute_type(args.input.dtype());
  run_reduce(&out[0], nullptr, args.input, reduced_dims("logsumexp", args.input, args.dims),
             {{real_fold_loops<ShiftFold>(compute), real_fold_loops<ExpSumFold>(compute)}, compute});
}

}  // namespace

void register_moments_cpu();
void register_moments_cpu() {
  register_kernel<Var>(DeviceType::cpu, &var_kernel);
  register_kernel<Norm>(DeviceType::cpu, &norm_kernel);
  register_kernel<LogSumExp>(DeviceType::cpu, &logsumexp_kernel);
}

}  // namespace farro::FARRO_ISA
