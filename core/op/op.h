// SPDX-License-Identifier: Apache-2.0
// What an operation is. One struct describes it, and call<Op>() (autograd/call) is the only way into its kernels:
//
//     struct Mul {
//       static constexpr OpInfo info{.name = "mul"};
//       struct Args { ... };                                      // see fields.h
//       static constexpr int kOutputs = 1;                        // default 1
//       static TensorSpec infer(const Args&);                     // pure; throws every user error
//                                                                 // (kOutputs > 1: std::array<TensorSpec, n>)
//       static constexpr Keep kKeep = ...;                        // what backward needs: see keep.h; default nothing
//       static Keep keep(const Args&, Need need);                 // where it depends on the call; a part of kKeep
//       static Grads backward(const Back<Mul>&);                  // made of public ops; one entry per input
//       static Cost cost(const Args&);
//       static constexpr bool kMixedDevices = false;  // inputs may live on different devices
//       static constexpr bool kHostNumbers = false;   // 0-dim CPU tensors may stand beside device tensors, as numbers
//     };
//
// An op without gradient says so: `static constexpr const char* no_backward = "the reason";` instead of kKeep and
// backward. Kernels are plain function pointers in OpTable<Op> (op_table.h).
#pragma once

#include <farro/core/op/keep.h>
#include <farro/core/op/tensor_spec.h>
#include <farro/core/util/small_vector.h>

#include <array>
#include <bit>

namespace farro {

// What mixed precision does with the op's inputs: runs it in half precision, needs f32, takes the widest input type
// where there are several, or leaves them alone.
enum class Autocast : uint8_t { promote, half, full, none };

struct OpInfo {
  const char* name;
  Autocast autocast = Autocast::promote;
};

// Least work of one call: floating-point operations, and bytes that must be moved (each input read once, each output
// written once).
struct Cost {
  double flops = 0;
  double bytes = 0;
};

// Which inputs need a gradient. Inputs from the 64th on share one bit.
class Need {
 public:
  constexpr Need() = default;
  static constexpr Need all() { return Need(~uint64_t{0}); }
  constexpr bool operator[](int input) const noexcept { return bits_ >> (input < 63 ? input : 63) & 1; }
  constexpr void set(int input) noexcept { bits_ |= uint64_t{1} << (input < 63 ? input : 63); }
  constexpr bool any() const noexcept { return bits_ != 0; }
  constexpr int first() const noexcept { return std::countr_zero(bits_); }  // 64 where there is none

 private:
  constexpr explicit Need(uint64_t bits) : bits_(bits) {}
  uint64_t bits_ = 0;
};

using Grads = SmallVector<Tensor, 4>;

template <class Op>
inline constexpr int kOutputs = [] {
  if constexpr (requires { Op::kOutputs; })
    return Op::kOutputs;
  else
    return 1;
}();

// Outputs of one call, allocated as infer() said.
template <class Op>
using Outputs = std::array<Tensor, kOutputs<Op>>;

// What backward() gets: the call's arguments and outputs as far as they were kept (keep.h), the gradients of the
// outputs (undefined: zero), and which inputs need theirs.
template <class Op>
struct Back {
  const typename Op::Args& args;
  const Outputs<Op>& out;
  const Grads& grad;
  Need need;
  Device device = {};  // kMixedDevices only: where the gradient of the first input that needs one must be
};

// Ops whose inputs may live on different devices.
template <class Op>
inline constexpr bool kMixedDevices = [] {
  if constexpr (requires { Op::kMixedDevices; })
    return bool{Op::kMixedDevices};
  else
    return false;
}();

template <class Op>
inline constexpr bool kDifferentiable = !requires { Op::no_backward; };

}  // namespace farro
