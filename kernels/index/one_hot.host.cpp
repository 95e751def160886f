// SPDX-License-Identifier: Apache-2.0
// The CPU kernel of one_hot.h.
#include <farro/core/op/op_table.h>
#include <farro/kernels/index/index_map.h>
#include <farro/kernels/index/one_hot.op.h>

namespace farro {

namespace {

void one_hot_kernel(Ctx& ctx, const OneHot::Args& args, Outputs<OneHot>& out) {
  const int64_t classes = args.num_classes;
  const Tensor index = checked_index(ctx, "one_hot", args.index, 0, classes, args.index.dim());
  const int64_t* at = index.data<int64_t>();
  int64_t* to = out[0].data<int64_t>();
  parallel_for(index.numel(), std::max<int64_t>(kIndexGrain / classes, 1), [&](int64_t begin, int64_t end) {
    std::fill(to + begin * classes, to + end * classes, int64_t{0});
    for (int64_t i = begin; i < end; ++i) to[i * classes + at[i]] = 1;
  });
}

}  // namespace

void register_one_hot_host();
void register_one_hot_host() { register_kernel<OneHot>(DeviceType::cpu, &one_hot_kernel); }

}  // namespace farro
