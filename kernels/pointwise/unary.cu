// SPDX-License-Identifier: Apache-2.0
// Functions of one argument as function objects for the device's elementwise loops.
#include <farro/kernels/pointwise/device_arithmetic.h>
#include <farro/kernels/pointwise/device_loops.h>
#include <farro/kernels/pointwise/unary.op.h>
#include <farro/kernels/simt/math.h>

namespace farro {

namespace {

// The functions of kernels/simt/math.h: CUDA's accurate versions on a GPU, the C library's on the host.
struct ExpFn {
  template <class C>
  __device__ C operator()(C a) const {
    return simt::exp(a);
  }
};
struct Expm1Fn {
  template <class C>
  __device__ C operator()(C a) const {
    return simt::expm1(a);
  }
};
struct LogFn {
  template <class C>
  __device__ C operator()(C a) const {
    return simt::log(a);
  }
};
struct Log1pFn {
  template <class C>
  __device__ C operator()(C a) const {
    return simt::log1p(a);
  }
};
struct SqrtFn {
  template <class C>
  __device__ C operator()(C a) const {
    return simt::sqrt(a);
  }
};
struct SinFn {
  template <class C>
  __device__ C operator()(C a) const {
    return simt::sin(a);
  }
};
struct CosFn {
  template <class C>
  __device__ C operator()(C a) const {
    return simt::cos(a);
  }
};
struct ErfFn {
  template <class C>
  __device__ C operator()(C a) const {
    return simt::erf(a);
  }
};
// Not CUDA's rsqrt, which is an approximation with up to 2 ulp error in f32; so results agree with the CPU's.
struct RsqrtFn {
  template <class C>
  __device__ C operator()(C a) const {
    return C(1) / simt::sqrt(a);
  }
};
struct ReciprocalFn {
  template <class C>
  __device__ C operator()(C a) const {
    return C(1) / a;
  }
};
// The least integer has no positive counterpart and stays itself, as on the CPU.
struct AbsFn {
  template <class C>
  __device__ C operator()(C a) const {
    if constexpr (std::is_integral_v<C>)
      return a < 0 ? device::wrap_sub(C(0), a) : a;
    else
      return simt::fabs(a);
  }
};
struct SquareFn {
  template <class C>
  __device__ C operator()(C a) const {
    return device::wrap_mul(a, a);
  }
};
struct SignFn {
  template <class C>
  __device__ C operator()(C a) const {
    return a > C(0) ? C(1) : a < C(0) ? C(-1) : a;  // a itself keeps 0 and NaN
  }
};
// Integers are whole already.
struct FloorFn {
  template <class C>
  __device__ C operator()(C a) const {
    if constexpr (std::is_integral_v<C>)
      return a;
    else
      return simt::floor(a);
  }
};
struct CeilFn {
  template <class C>
  __device__ C operator()(C a) const {
    if constexpr (std::is_integral_v<C>)
      return a;
    else
      return simt::ceil(a);
  }
};
// Halves to even, as IEEE's default and PyTorch's.
struct RoundFn {
  template <class C>
  __device__ C operator()(C a) const {
    if constexpr (std::is_integral_v<C>)
      return a;
    else
      return simt::rint(a);
  }
};

}  // namespace

void register_unary_cuda();
void register_unary_cuda() {
  register_pointwise_cuda<Exp, ExpFn>();
  register_pointwise_cuda<Expm1, Expm1Fn>();
  register_pointwise_cuda<Log, LogFn>();
  register_pointwise_cuda<Log1p, Log1pFn>();
  register_pointwise_cuda<Sqrt, SqrtFn>();
  register_pointwise_cuda<Rsqrt, RsqrtFn>();
  register_pointwise_cuda<Reciprocal, ReciprocalFn>();
  register_pointwise_cuda<Sin, SinFn>();
  register_pointwise_cuda<Cos, CosFn>();
  register_pointwise_cuda<Erf, ErfFn>();
  register_pointwise_cuda<Abs, AbsFn>();
  register_pointwise_cuda<Square, SquareFn>();
  register_pointwise_cuda<Sign, SignFn>();
  register_pointwise_cuda<Floor, FloorFn>();
  register_pointwise_cuda<Ceil, CeilFn>();
  register_pointwise_cuda<Round, RoundFn>();
}

}  // namespace farro
