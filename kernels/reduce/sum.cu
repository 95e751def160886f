// SPDX-License-Identifier: Apache-2.0
// sum, mean, any and all on the device: what the reduction driver (kernels/simt) folds with.
#include <farro/kernels/reduce/device_loops.h>
#include <farro/kernels/reduce/sum.op.h>

namespace farro {

namespace {

struct SumFn {
  template <class A>
  __device__ static A identity() {
    return A(0);
  }
  template <class A>
  __device__ static A step(A a, A x) {
    return a + x;
  }
  template <class A>
  __device__ static A finish(A a, int64_t) {
    return a;
  }
};

struct MeanFn : SumFn {
  template <class A>
  __device__ static A finish(A a, int64_t count) {
    return a / static_cast<A>(count);
  }
};

// any and all keep an element that decides, as on the CPU (sum.cpu.cpp).
struct AnyFn : SumFn {
  template <class A>
  __device__ static A step(A a, A x) {
    return x != A(0) ? x : a;
  }
};

struct AllFn : SumFn {
  template <class A>
  __device__ static A identity() {
    return A(1);
  }
  template <class A>
  __device__ static A step(A a, A x) {
    return x == A(0) ? x : a;
  }
};

}  // namespace

void register_sum_cuda();
void register_sum_cuda() {
  register_reduce_cuda<Sum, SumFn>();
  register_reduce_cuda<Mean, MeanFn>();
  register_reduce_cuda<Any, AnyFn>();
  register_reduce_cuda<All, AllFn>();
}

}  // namespace farro
