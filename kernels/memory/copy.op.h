// SPDX-License-Identifier: Apache-2.0
// The op structs behind clone, contiguous, to, copy_, fill_ and zero_, for their kernels.
#pragma once

#include <farro/core/api.h>
#include <farro/core/op/op.h>

namespace farro {

// A new tensor with the elements of `source`, in a dtype, on a device, in a memory format.
struct FARRO_API Copy {
  static constexpr OpInfo info{.name = "copy", .autocast = Autocast::none};
  static constexpr bool kMixedDevices = true;
  struct Args {
    const Tensor& source;
    DType dtype;
    Device device;
    MemoryFormat format;
    static constexpr std::array names{"source", "dtype", "device", "format"};
  };
  static constexpr Keep kKeep = Keep::sizes<Args>("source");
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<Copy>& b);
  static Cost cost(const Args& args);
};

// target = source, broadcast and converted; in place only.
struct FARRO_API CopyInto {
  static constexpr OpInfo info{.name = "copy_into", .autocast = Autocast::none};
  static constexpr bool kMixedDevices = true;
  struct Args {
    const Tensor& target;
    const Tensor& source;
    static constexpr std::array names{"target", "source"};
  };
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<CopyInto>& b);
  static Cost cost(const Args& args);
};

// target = value; in place only.
struct FARRO_API Fill {
  static constexpr OpInfo info{.name = "fill", .autocast = Autocast::none};
  struct Args {
    const Tensor& target;
    Scalar value;
    static constexpr std::array names{"target", "value"};
  };
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<Fill>& b);
  static Cost cost(const Args& args);
};

// The number as a 0-dim host tensor of the target's compute type.
FARRO_API Tensor fill_value(const Fill::Args& args);

// The part of copy_elements that a device backend brings: strided copy with conversion within one device. Set when the
// backend registers its kernels.
using DeviceCopy = void (*)(const Tensor& target, const Tensor& source);
extern FARRO_API DeviceCopy device_copy;

}  // namespace farro
