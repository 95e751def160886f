// SPDX-License-Identifier: Apache-2.0
// Copies with strides and conversion within one device, and fills.
#include <farro/core/op/op_table.h>
#include <farro/kernels/memory/copy.op.h>
#include <farro/kernels/pointwise/device_loops.h>

namespace farro {

namespace {

struct IdentityFn {
  template <class C>
  __device__ C operator()(C a) const {
    return a;
  }
};

void copy_on_device(const Tensor& target, const Tensor& source) {
  // Equal bytes on both sides: the runtime's own copy.
  if (source.dtype() == target.dtype() && source.sizes() == target.sizes() && source.is_contiguous() &&
      target.is_contiguous()) {
    const Stream stream = cuda_backend().current_stream(target.device().index);
    cuda_backend().copy_on_device(target.raw_data(), source.raw_data(), target.nbytes(), stream);
    return;
  }
  // Everything else is an elementwise identity: its driver knows strides, broadcasting and dtypes.
  Ctx ctx("copy", target.device());
  run_pointwise_cuda<false, true, 1>(ctx, target, {&source}, compute_type(source.dtype()), IdentityFn());
}

void fill_kernel(Ctx& ctx, const Fill::Args& args, Outputs<Fill>& out) {
  const Tensor value = fill_value(args);
  run_pointwise_cuda<false, true, 1>(ctx, out[0], {&value}, value.dtype(), IdentityFn());
}

}  // namespace

void register_copy_cuda();
void register_copy_cuda() {
  device_copy = &copy_on_device;
  register_kernel<Fill>(DeviceType::cuda, &fill_kernel);
}

}  // namespace farro
