// SPDX-License-Identifier: Apache-2.0
// cat on every device: copies into the parts of the result.
#include <farro/core/op/op_table.h>
#include <farro/kernels/index/join.op.h>

namespace farro {

namespace {

void cat_kernel(Ctx&, const Cat::Args& args, Outputs<Cat>& out) {
  const int dim = Cat::along(args);
  int64_t at = 0;
  for (const Tensor& tensor : args.tensors) {
    if (Cat::passed_over(tensor)) continue;
    Shape sizes = out[0].sizes();
    sizes[dim] = tensor.sizes()[dim];
    const int64_t offset = out[0].storage_offset() + at * out[0].strides()[dim];
    copy_elements(make_view(out[0], sizes, out[0].strides(), offset), tensor);
    at += sizes[dim];
  }
}

}  // namespace

void register_join_host();
void register_join_host() {
  for (DeviceType device : {DeviceType::cpu, DeviceType::cuda})
    register_kernel<Cat>(device, &cat_kernel, {.name = "copies", .rank = 100});
}

}  // namespace farro
