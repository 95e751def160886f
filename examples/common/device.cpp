// SPDX-License-Identifier: Apache-2.0
// Chooses the device of an example program by trying the network on it, forward and backward, before anything is
// written.
#include <farro/examples/common/device.h>

#include <farro/core/device/backend.h>
#include <farro/core/error/error.h>
#include <farro/kernels/reduce/sum.h>

#include <cstdio>

namespace farro::examples {

namespace {

Device parse(const std::string& text) {
  if (text.starts_with("cuda")) {
    const int index = text == "cuda" ? 0 : std::stoi(text.substr(5)), count = cuda_device_count();
    const std::string& reason = cuda_unavailable_reason();
    FARRO_CHECK(index < count, DeviceError, "--device: must be one of the ", count, " usable CUDA devices, got ", text,
                reason.empty() ? "" : str(" (", reason, ")"));
  }
  return Device::parse(text);
}

void try_out(nn::Module& net, const Tensor& input, Device device) {
  net.to(device);
  net.eval();  // dropout would draw random numbers
  net(input.to(device)).sum().backward();
  net.zero_grad();
  net.train();
}

}  // namespace

Device choose_device(const std::string& wanted, nn::Module& net, const Tensor& input) {
  const Device device = parse(wanted);
  try {
    try_out(net, input, device);
    return device;
  } catch (const NotImplementedError& error) {
    FARRO_CHECK(wanted == "auto" && device.is_cuda(), NotImplementedError, "--device: ", device,
                " must have kernels for the whole network, got: ", error.what());
    std::printf("using the CPU, because %s lacks a kernel: %s\n", to_string(device).c_str(), error.what());
  }
  net.zero_grad();
  try_out(net, input, Device::cpu());
  return Device::cpu();
}

}  // namespace farro::examples
