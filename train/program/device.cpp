// SPDX-License-Identifier: Apache-2.0
// Chooses the device of a training program by trying the network on it, forward and backward.
#include <farro/train/program/device.h>

#include <farro/core/device/backend.h>
#include <farro/core/error/error.h>
#include <farro/kernels/reduce/sum.h>

#include <charconv>
#include <string_view>

namespace farro::training {

namespace {

Device parse(const std::string& text) {
  constexpr std::string_view kCuda = "cuda:";
  int index = 0;
  if (text.starts_with(kCuda)) {
    const char* end = text.data() + text.size();
    const auto read = std::from_chars(text.data() + kCuda.size(), end, index);
    FARRO_CHECK(read.ec == std::errc() && read.ptr == end && index >= 0, ValueError,
                "device: must be auto, cpu, cuda or cuda:N, got '", text, "'");
  } else {
    FARRO_CHECK(text == "auto" || text == "cpu" || text == "cuda", ValueError,
                "device: must be auto, cpu, cuda or cuda:N, got '", text, "'");
  }
  if (text.starts_with("cuda")) {
    const int count = cuda_device_count();
    const std::string& reason = cuda_unavailable_reason();
    FARRO_CHECK(index < count, DeviceError, "device: must be one of the ", count, " usable CUDA devices, got ", text,
                reason.empty() ? "" : str(" (", reason, ")"));
  }
  return Device::parse(text);
}

void try_out(nn::ModuleBase& net, const std::function<Tensor(Device)>& forward, Device device) {
  net.to(device);
  const bool was_training = net.is_training();
  net.eval();  // dropout would draw random numbers
  forward(device).sum().backward();
  net.zero_grad();
  net.train(was_training);
}

}  // namespace

DeviceChoice choose_device(const std::string& wanted, nn::ModuleBase& net,
                           const std::function<Tensor(Device)>& forward) {
  const Device device = parse(wanted);
  std::string reason;
  try {
    try_out(net, forward, device);
    return {device, {}};
  } catch (const NotImplementedError& error) {
    FARRO_CHECK(wanted == "auto" && device.is_cuda(), NotImplementedError, "device: ", device,
                " must have kernels for the whole network, got: ", error.what());
    reason = str(device, " lacks a kernel: ", error.what());
  }
  net.zero_grad();
  try_out(net, forward, Device::cpu());
  return {Device::cpu(), reason};
}

DeviceChoice choose_device(const std::string& wanted, nn::Module& net, const Tensor& input) {
  return choose_device(wanted, net, [&](Device device) { return net(input.to(device)); });
}

}  // namespace farro::training
