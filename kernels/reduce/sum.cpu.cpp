// SPDX-License-Identifier: Apache-2.0
// sum, mean, any and all on the CPU: folds for the reduction driver. Floats are summed in double lanes, integers in
// uint64_t lanes that wrap.
#include <farro/kernels/reduce/host_loops.h>
#include <farro/kernels/reduce/sum.op.h>

namespace farro::FARRO_ISA {

namespace {

struct SumFold {
  // Unsigned lanes: integer sums wrap.
  template <class T>
  using Lane = std::conditional_t<std::is_integral_v<T>, uint64_t, double>;
  template <class L>
  static constexpr L identity() {
    return 0;
  }
  template <class A>
  static A step(A a, A x) {
    if constexpr (std::is_same_v<A, int64_t>)
      return static_cast<A>(static_cast<uint64_t>(a) + static_cast<uint64_t>(x));
    else
      return a + x;
  }
};

struct MeanFold : SumFold {
  template <class A>
  static A finish(A a, A, int64_t count, const void*) {
    return a / static_cast<A>(count);
  }
};

// any and all keep an element that decides (not 0, or 0) rather than a truth value, so they run in the input's compute
// type; NaN is not 0 and counts as true.
struct AnyFold {
  template <class T>
  using Lane = T;
  template <class L>
  static constexpr L identity() {
    return 0;
  }
  template <class A>
  static A step(A a, A x) {
    return x != 0 ? x : a;
  }
};

struct AllFold {
  template <class T>
  using Lane = T;
  template <class L>
  static constexpr L identity() {
    return 1;
  }
  template <class A>
  static A step(A a, A x) {
    return x == 0 ? x : a;
  }
};

}  // namespace

void register_sum_cpu();
void register_sum_cpu() {
  register_reduce<Sum, SumFold>();
  register_reduce<Mean, MeanFold>();
  register_reduce<Any, AnyFold>();
  register_reduce<All, AllFold>();
}

}  // namespace farro::FARRO_ISA
