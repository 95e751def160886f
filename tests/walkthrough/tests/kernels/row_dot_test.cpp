// SPDX-License-Identifier: Apache-2.0
// Which variant of row_dot runs, and how one is forced.
#include <farro/core/device/backend.h>
#include <farro/core/op/op_table.h>
#include <farro/kernels/matmul/row_dot.h>
#include <farro/kernels/memory/factories.h>

#include <gtest/gtest.h>

namespace farro {
namespace {

TEST(RowDot, VariantsAreForced) {
  if (cuda_device_count() == 0) GTEST_SKIP() << cuda_unavailable_reason();
  const Tensor a = ones({2, 100}, {.device = Device::cuda()});
  {
    const VariantScope scope("row_dot", "warp");  // calls of this thread, while it lives
    EXPECT_EQ(row_dot(a, a).to_vector<double>(), (std::vector<double>{100, 100}));
  }
  set_variant("row_dot", "block");                       // calls of the process
  EXPECT_THROW(row_dot(a, a), UnsupportedVariantError);  // a row of 100 is not for it
  set_variant("row_dot", "auto");                        // back to choosing
  EXPECT_EQ(row_dot(a, a).to_vector<double>(), (std::vector<double>{100, 100}));
}

}  // namespace
}  // namespace farro
