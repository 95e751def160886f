// What an operation is. One struct describes it, and call<Op>() (autograd/call) is the only way into its kernels:
//
//     struct Mul {
//       static constexpr OpInfo info{.name = "mul"};
//       struct Args { ... };                                            // see fields.h
//       static constexpr int kOutputs = 1;                              // default 1
//       static TensorSpec infer(const Args&);                           // pure; throws every user error
//                                                                       // (kOutputs > 1: std::array<TensorSpec, n>)
//       struct Saved { SavedTensor a, b; };                             // what backward needs
//       static Saved save(const Args&, const Outputs& out, Need need);
//       static Grads backward(const Saved&, const Grads& grads, Need);  // made of public ops; one entry per input
//       static Cost cost(const Args&);
//       static constexpr uint64_t kOptional = 0;      // bit i: input i may be undefined
//       static constexpr bool kMixedDevices = false;  // inputs may live on different devices
//       static constexpr bool kHostNumbers = false;   // 0-dim CPU tensors may stand beside device tensors, as numbers
//     };
//
// An op without gradient says so: `static constexpr const char* no_backward = "the reason";` instead of Saved, save and
// backward. Kernels are plain function pointers in OpTable<Op>, one short list of variants per device.
#pragma once

#include <farro/core/op/fields.h>
#include <farro/core/op/tensor_spec.h>
#include <farro/core/util/small_vector.h>

#include <array>
#include <atomic>
#include <bit>
#include <vector>

namespace farro {

// What mixed precision does with the op's inputs: runs it in half precision, needs f32, or takes the widest input type.
enum class Autocast : uint8_t { promote, half, full };

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

enum class Variant : uint8_t { handwritten, library, generic };  // library: oneDNN, BLAS, cuDNN, cuBLAS
const char* name(Variant variant) noexcept;

template <class Op>
inline constexpr int kOutputs = [] {
  if constexpr (requires { Op::kOutputs; }) return Op::kOutputs;
  else return 1;
}();

// Outputs of one call, allocated as infer() said.
template <class Op>
using Outputs = std::array<Tensor, kOutputs<Op>>;

template <class Op>
using Kernel = void (*)(const typename Op::Args& args, Outputs<Op>& out);

// Whether a variant can run a call; must be cheap and pure. Null means always.
template <class Op>
using Supports = bool (*)(const typename Op::Args& args);

// The kernels of one op, by device. Filled once by the registration functions before the first call.
template <class Op>
struct OpTable {
  struct Entry {
    std::atomic<Kernel<Op>> kernel{nullptr};  // written last: a thread that sees it sees the rest
    Supports<Op> supports = nullptr;
    Variant variant = Variant::generic;
  };
  // In order of preference; the first that supports the call runs. Unused entries have no kernel.
  static constexpr int kMaxVariants = 3;
  static inline std::array<std::array<Entry, kMaxVariants>, 2> entries{};  // [DeviceType]: cpu, cuda
  // What FARRO_VARIANT_<OP> or set_variant() forced; negative: automatic.
  static inline std::atomic<int> forced{-1};
};

// What tools and tests know of every op.
struct OpEntry {
  OpInfo info;
  std::string schema;
  int outputs = 1;
  const char* no_backward = nullptr;  // the reason, where there is no gradient
  // Names of the variants present for a device type.
  std::vector<Variant> (*variants)(DeviceType) = nullptr;
  void (*force_variant)(int variant) = nullptr;
};

// All ops, ordered by name.
const std::vector<OpEntry>& all_ops();
// Forces a variant of an op for the process ("auto" lifts it); throws ValueError on an unknown op or variant name.
void set_variant(std::string_view op, std::string_view variant);

namespace detail {
void add_op(OpEntry entry);
// Runs all registration functions once; called by the first op that finds its table empty.
void ensure_registered();
}  // namespace detail

// Called by register_<name>() in <name>.op.cpp.
template <class Op>
void register_op() {
  OpEntry entry{.info = Op::info, .schema = schema_of<typename Op::Args>(), .outputs = kOutputs<Op>};
  if constexpr (requires { Op::no_backward; }) entry.no_backward = Op::no_backward;
  entry.variants = [](DeviceType device) {
    std::vector<Variant> found;
    if (device == DeviceType::meta) return found;
    for (const auto& slot : OpTable<Op>::entries[static_cast<int>(device)])
      if (slot.kernel) found.push_back(slot.variant);
    return found;
  };
  entry.force_variant = [](int variant) { OpTable<Op>::forced.store(variant, std::memory_order_relaxed); };
  detail::add_op(std::move(entry));
}

// Called by register_<name>_cpu() and register_<name>_cuda(). Variants are tried in the order of registration.
template <class Op>
void register_kernel(DeviceType device, Kernel<Op> kernel, Variant variant = Variant::handwritten,
                     Supports<Op> supports = nullptr) {
  for (auto& slot : OpTable<Op>::entries[static_cast<int>(device)]) {
    if (slot.kernel && slot.variant != variant) continue;
    slot.supports = supports;
    slot.variant = variant;
    slot.kernel.store(kernel, std::memory_order_release);
    return;
  }
  fail<InternalError>("internal error: too many variants of op ", Op::info.name);
}

// A tool that sees every call of every op (the profiler). Calls come from any thread; implementations do not throw.
struct CallEvent {
  const char* op;
  DeviceType device;  // meta: nothing is computed
  Variant variant;
  Cost cost;
  TensorList outputs;  // allocated, not yet written at begin()
  std::string (*describe_args)(const void* args);
  const void* args;  // valid during begin() only
};
class CallListener {
 public:
  virtual ~CallListener() = default;
  virtual void begin(const CallEvent& event) noexcept = 0;
  virtual void end(const CallEvent& event) noexcept = 0;
};
// One at a time; null removes it. The caller keeps it alive until then.
void set_call_listener(CallListener* listener) noexcept;
// The one word call<Op>() looks at.
extern std::atomic<CallListener*> call_listener;

}  // namespace farro
