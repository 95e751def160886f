// SPDX-License-Identifier: Apache-2.0
// The gradient of a slice on every device: copies into zeros.
#include <farro/core/op/op_table.h>
#include <farro/kernels/memory/view.op.h>

namespace farro {

namespace {

void slice_backward_kernel(Ctx&, const SliceBackward::Args& args, Outputs<SliceBackward>& out) {
  const Tensor zero = wrap_number(0);
  copy_elements(out[0], zero);
  const ViewSpec part =
      Slice1d::geometry({out[0], args.dim, args.start, args.grad.sizes()[static_cast<int>(args.dim)], args.step});
  copy_elements(make_view(out[0], part.sizes, part.strides, part.offset), args.grad);
}

}  // namespace

void register_view_host();
void register_view_host() {
  for (DeviceType device : {DeviceType::cpu, DeviceType::cuda})
    register_kernel<SliceBackward>(device, &slice_backward_kernel, {.name = "copies", .rank = 100});
}

}  // namespace farro
