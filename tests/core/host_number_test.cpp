// SPDX-License-Identifier: Apache-2.0
// A 0-dim CPU tensor beside tensors of another device: a number for elementwise ops, a DeviceError for all others.
#include <farro/tests/autograd/support.h>

#include <farro/core/device/cuda_reason.h>
#include <farro/kernels/attention/attention.h>
#include <farro/kernels/index/gather.h>
#include <farro/kernels/index/join.h>
#include <farro/kernels/loss/pair_loss.h>
#include <farro/kernels/matmul/matmul.h>
#include <farro/kernels/optim/optim.h>
#include <farro/kernels/pointwise/choose.h>
#include <farro/kernels/pointwise/compare.h>
#include <farro/kernels/pointwise/power.h>

#include <gtest/gtest.h>

namespace farro {
namespace {

using namespace testing_support;

Tensor far(const Shape& sizes = {}) { return ones(sizes, {.device = Device::meta()}); }

TEST(HostNumbers, StandBesideDeviceTensorsInElementwiseOps) {
  const Tensor number = full({}, 1.5), device = far({2});
  for (const auto& [a, b] : {std::pair{number, device}, std::pair{device, number}})
    for (const Tensor& out : {a + b, a - b, a * b, a / b, pow(a, b), eq(a, b), maximum(a, b), where(device > 0, a, b)})
      EXPECT_EQ(to_string(out.device()), "meta");
  EXPECT_TRUE((number + far()).is_meta());
  EXPECT_TRUE((far() + number).is_meta());
}

TEST(HostNumbers, AreRefusedByAllOtherOps) {
  const Tensor host = full({}, 1.5), device = far();
  const std::string both = "tensors must be on one device, got cpu and meta:0";
  using Call = std::function<void(const Tensor&, const Tensor&)>;
  const std::pair<const char*, Call> calls[] = {
      {"mse_loss", [](const Tensor& a, const Tensor& b) { mse_loss(a, b); }},
      {"l1_loss", [](const Tensor& a, const Tensor& b) { l1_loss(a, b); }},
      {"binary_cross_entropy_with_logits",
       [](const Tensor& a, const Tensor& b) { binary_cross_entropy_with_logits(a, b); }},
      {"multi_tensor_norm", [](const Tensor& a, const Tensor& b) { multi_tensor_norm(std::vector{a, b}); }},
      {"sgd_step_", [](const Tensor& a, const Tensor& b) { sgd_step_(std::vector{a}, std::vector{b}, {}, {}); }},
      {"adam_step_",
       [](const Tensor& a, const Tensor& b) {
         adam_step_(std::vector{a}, std::vector{b}, std::vector{a}, std::vector{a}, {}, {});
       }},
      {"cat", [](const Tensor& a, const Tensor& b) { cat({a.reshape({1}), b.reshape({1})}); }},
      {"gather", [](const Tensor& a, const Tensor& b) { gather(a, 0, b.to(DType::i64)); }},
      {"linear", [](const Tensor& a, const Tensor& b) { linear(a, b); }},
  };
  for (const auto& [name, call] : calls)
    for (const auto& [a, b] : {std::pair{host, device}, std::pair{device, host}}) {
      const std::string text = error_of<DeviceError>([&, &a = a, &b = b] { call(a, b); });
      EXPECT_NE(text.find("tensors must be on one device"), std::string::npos) << name << ": " << text;
    }
}

TEST(CudaReason, NamesWhatIsMissing) {
  EXPECT_EQ(why_no_cuda_device({}), "this machine has no NVIDIA driver (libcuda.so.1 is not there)");
  EXPECT_EQ(why_no_cuda_device({.driver_library = true, .driver_version = 12020, .needed_version = 13000}),
            "the NVIDIA driver is too old: it supports CUDA 12.2, this build of farro needs 13.0");
  EXPECT_EQ(
      why_no_cuda_device({.driver_library = true, .driver_version = 13000, .needed_version = 13000, .visible = ""}),
      "no CUDA device is visible (CUDA_VISIBLE_DEVICES='')");
  EXPECT_EQ(why_no_cuda_device({.driver_library = true, .status = "cudaErrorUnknown: unknown error"}),
            "the NVIDIA driver gives no device (cudaErrorUnknown: unknown error)");
  EXPECT_EQ(why_no_cuda_device({.driver_library = true}), "no CUDA device was found");
}

TEST(CudaReason, KnowsWhichArchitecturesRunWhere) {
  EXPECT_TRUE(runs_on("80-real, 90a-real", 8, 0));
  EXPECT_TRUE(runs_on("80-real, 90a-real", 8, 9));
  EXPECT_TRUE(runs_on("80-real;90a-real", 9, 0));
  EXPECT_FALSE(runs_on("80-real, 90a-real", 7, 5));
  EXPECT_FALSE(runs_on("80-real, 90a-real", 10, 0));
  EXPECT_FALSE(runs_on("86-real", 8, 0));
  EXPECT_TRUE(runs_on("80", 10, 0));  // with intermediate code
  EXPECT_TRUE(runs_on("80-virtual", 12, 0));
  EXPECT_FALSE(runs_on("90-virtual", 8, 6));
  EXPECT_TRUE(runs_on("native", 7, 0));
}

}  // namespace
}  // namespace farro
