// SPDX-License-Identifier: Apache-2.0
// where, masked_fill, clamp, maximum and minimum as function objects for the device's elementwise loops.
#include <farro/kernels/pointwise/choose.op.h>
#include <farro/kernels/pointwise/device_arithmetic.h>
#include <farro/kernels/pointwise/device_loops.h>

namespace farro {

namespace {

using device::Number;

// The condition comes in the compute type, as 0 or 1.
struct WhereFn {
  template <class C>
  __device__ C operator()(C condition, C a, C b) const {
    return condition != C(0) ? a : b;
  }
};

struct MaskedFillFn {
  Number value;
  template <class C>
  __device__ C operator()(C a, C mask) const {
    return mask != C(0) ? value.template as<C>() : a;
  }
};

// A comparison with NaN is false: a NaN value and a NaN bound both come through.
struct ClampFn {
  Number low, high;
  template <class C>
  __device__ C operator()(C a) const {
    const C lo = low.template as<C>(), hi = high.template as<C>();
    const C raised = a >= lo || a != a ? a : lo;
    return raised <= hi || raised != raised ? raised : hi;
  }
};

// NaN in a comes through by the test, NaN in b because the comparison is false.
struct MaximumFn {
  template <class C>
  __device__ C operator()(C a, C b) const {
    return a > b || a != a ? a : b;
  }
};

struct MinimumFn {
  template <class C>
  __device__ C operator()(C a, C b) const {
    return a < b || a != a ? a : b;
  }
};

}  // namespace

void register_choose_cuda();
void register_choose_cuda() {
  register_pointwise_cuda<Where, WhereFn>();
  register_pointwise_cuda<MaskedFill>([](const MaskedFill::Args& args) { return MaskedFillFn{Number(args.value)}; });
  register_pointwise_cuda<Clamp>([](const Clamp::Args& args) { return ClampFn{Number(args.low), Number(args.high)}; });
  register_pointwise_cuda<Maximum, MaximumFn>();
  register_pointwise_cuda<Minimum, MinimumFn>();
}

}  // namespace farro
