// SPDX-License-Identifier: Apache-2.0
// Comparisons, logical operations and tests for NaN and infinity as function objects for the device's elementwise
// loops.
#include <farro/kernels/pointwise/compare.op.h>
#include <farro/kernels/pointwise/device_loops.h>

namespace farro {

namespace {

// Comparisons with NaN are false, but for !=; the device's operators are IEEE's, as the CPU's.
struct EqFn {
  template <class C>
  __device__ bool operator()(C a, C b) const {
    return a == b;
  }
};
struct NeFn {
  template <class C>
  __device__ bool operator()(C a, C b) const {
    return a != b;
  }
};
struct LtFn {
  template <class C>
  __device__ bool operator()(C a, C b) const {
    return a < b;
  }
};
struct LeFn {
  template <class C>
  __device__ bool operator()(C a, C b) const {
    return a <= b;
  }
};
struct GtFn {
  template <class C>
  __device__ bool operator()(C a, C b) const {
    return a > b;
  }
};
struct GeFn {
  template <class C>
  __device__ bool operator()(C a, C b) const {
    return a >= b;
  }
};
struct AndFn {
  template <class C>
  __device__ bool operator()(C a, C b) const {
    return a != C(0) && b != C(0);
  }
};
struct OrFn {
  template <class C>
  __device__ bool operator()(C a, C b) const {
    return a != C(0) || b != C(0);
  }
};
struct XorFn {
  template <class C>
  __device__ bool operator()(C a, C b) const {
    return (a != C(0)) != (b != C(0));
  }
};
struct NotFn {
  template <class C>
  __device__ bool operator()(C a) const {
    return a == C(0);
  }
};
struct IsNanFn {
  template <class C>
  __device__ bool operator()(C a) const {
    return a != a;
  }
};
struct IsFiniteFn {
  template <class C>
  __device__ bool operator()(C a) const {
    return a - a == C(0);  // infinity - infinity and NaN are NaN
  }
};

}  // namespace

void register_compare_cuda();
void register_compare_cuda() {
  register_pointwise_cuda<Eq, EqFn>();
  register_pointwise_cuda<Ne, NeFn>();
  register_pointwise_cuda<Lt, LtFn>();
  register_pointwise_cuda<Le, LeFn>();
  register_pointwise_cuda<Gt, GtFn>();
  register_pointwise_cuda<Ge, GeFn>();
  register_pointwise_cuda<LogicalAnd, AndFn>();
  register_pointwise_cuda<LogicalOr, OrFn>();
  register_pointwise_cuda<LogicalXor, XorFn>();
  register_pointwise_cuda<LogicalNot, NotFn>();
  register_pointwise_cuda<IsNan, IsNanFn>();
  register_pointwise_cuda<IsFinite, IsFiniteFn>();
}

}  // namespace farro
