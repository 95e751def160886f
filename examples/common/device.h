// SPDX-License-Identifier: Apache-2.0
// Which device an example program runs on.
#pragma once

#include <farro/core/device/device.h>
#include <farro/nn/module/module.h>

#include <string>

namespace farro::examples {

// Moves `net` to the device of --device and has it answer `input` (on the CPU; zeros will do) and give gradients, so
// that a network that cannot work is found before the run's folder is made. "auto" is cuda:0 where that has kernels for
// all of it, else the CPU, with a line that says why. DeviceError and NotImplementedError for another device that will
// not do. Neither the weights nor the random numbers to come change.
Device choose_device(const std::string& wanted, nn::Module& net, const Tensor& input);

}  // namespace farro::examples
