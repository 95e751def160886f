// SPDX-License-Identifier: Apache-2.0
// Softmax over long slices: the samples' tolerance is what a plain sum in f32 leaves, and this must do better.
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/pointwise/arithmetic.h>
#include <farro/kernels/pointwise/unary.h>
#include <farro/kernels/random/random.h>
#include <farro/kernels/reduce/extremum.h>
#include <farro/kernels/softmax/softmax.h>

#include <gtest/gtest.h>

namespace farro {
namespace {

// The largest |x / exact - 1|.
double relative_error(const Tensor& x, const Tensor& exact) { return abs(x.to(DType::f64) / exact - 1).max().item(); }

TEST(Softmax, LongSlicesInAnyDirection) {
  manual_seed(3);
  const Tensor x = rand({200000, 2});
  const Tensor exact = softmax(x.to(DType::f64), 0);
  EXPECT_LT(relative_error(softmax(x, 0), exact), 5e-7);
  EXPECT_LT(relative_error(softmax(x.t().contiguous(), 1).t(), exact), 5e-7);
  EXPECT_LT(relative_error(log_softmax(x, 0), log_softmax(x.to(DType::f64), 0)), 5e-7);
}

TEST(Softmax, GradientsOfLongSlicesInAnyDirection) {
  manual_seed(3);
  const Tensor x = rand({200000, 2}).set_requires_grad(), g = rand({200000, 2}) + 1;
  const Tensor wide = x.detach().to(DType::f64).set_requires_grad();
  log_softmax(wide, 0).backward(g.to(DType::f64));
  log_softmax(x, 0).backward(g);
  // The results are near -12, where f32 has steps of 1e-6; each is a factor of the gradient.
  EXPECT_LT((x.grad().to(DType::f64) - wide.grad()).abs().max().item(), 4e-6);
}

}  // namespace
}  // namespace farro
