// SPDX-License-Identifier: Apache-2.0
// Which device a training program runs on, found out before it writes anything.
#pragma once

#include <farro/core/api.h>
#include <farro/core/device/device.h>
#include <farro/nn/module/module.h>

#include <functional>
#include <string>

namespace farro::training {

struct DeviceChoice {
  Device device;
  std::string reason;  // one line that says why it is not the one that "auto" tried first; empty where it is
};

// Moves `net` to a device and lets `forward`, which is given the device, call it there and return a tensor whose sum
// has gradients: a network that cannot work is found at once. `wanted` is "cpu", "cuda", "cuda:N", or "auto": cuda:0
// where that has kernels for all of the network, else the CPU, with the reason. ValueError for another text;
// DeviceError and NotImplementedError for a device that will not do. Changes neither the weights nor, as `net` is in
// evaluation mode meanwhile, the random numbers to come; then all of it is in the mode that `net` was in.
FARRO_API DeviceChoice choose_device(const std::string& wanted, nn::ModuleBase& net,
                                     const std::function<Tensor(Device)>& forward);
// With an input on the CPU; zeros of a batch of one will do.
FARRO_API DeviceChoice choose_device(const std::string& wanted, nn::Module& net, const Tensor& input);

}  // namespace farro::training
