// SPDX-License-Identifier: Apache-2.0
// prod on the CPU: a fold for the reduction driver.
#include <farro/core/dtype/wrapping.h>
#include <farro/kernels/reduce/host_loops.h>
#include <farro/kernels/reduce/scan.op.h>

namespace farro::FARRO_ISA {

namespace {

struct ProdFold {
  // Unsigned lanes: integer products wrap.
  template <class T>
  using Lane = std::conditional_t<std::is_integral_v<T>, uint64_t, double>;
  template <class L>
  static constexpr L identity() {
    return 1;
  }
  template <class A>
  static A step(A a, A x) {
    if constexpr (std::is_same_v<A, int64_t>)
      return wrap_mul(a, x);
    else
      return a * x;
  }
};

}  // namespace

void register_prod_cpu();
void register_prod_cpu() { register_reduce<Prod, ProdFold>(); }

}  // namespace farro::FARRO_ISA
