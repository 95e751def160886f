// SPDX-License-Identifier: Apache-2.0
// The kernels of the ops. A kernel is a variant of an op on a device type: it has a name, a rank among its kind, and
// says which calls it can run. Registration functions fill the tables before the first call of the device type; which
// file registers what is said by its name (cmake/FarroManifest.cmake).
#pragma once

#include <farro/core/api.h>
#include <farro/core/op/ctx.h>
#include <farro/core/op/op.h>
#include <farro/core/op/op_methods.h>

#include <atomic>
#include <string>
#include <vector>

namespace farro {

template <class Op>
using Kernel = void (*)(Ctx& ctx, const typename Op::Args& args, Outputs<Op>& out);

// Whether a variant can run a call; must be cheap and pure. Null means always.
template <class Op>
using Supports = bool (*)(const typename Op::Args& args);

// What is told of a variant apart from its code.
struct VariantInfo {
  const char* name = "generic";  // "implicit_gemm", "depthwise", "cudnn": what FARRO_VARIANT_CONV= takes
  int rank = 0;                  // of the variants that support a call, the lowest runs
  int min_sm = 0;                // least compute capability, 90 for 9.0; CUDA only
  bool deterministic = true;     // the same bits in every run
};

// Who forces a variant of an op; its address is the op's identity.
struct FARRO_API Forced {
  std::atomic<const char*> process{nullptr};  // by name
  std::atomic<int> scopes{0};                 // VariantScopes on any thread
  bool any() const noexcept {
    return process.load(std::memory_order_relaxed) || scopes.load(std::memory_order_relaxed) > 0;
  }
  // What calls on this thread must use; null: they choose.
  const char* here() const noexcept;
};

// The variants of one op, by device type. The kernel is written last: a thread that sees it sees the rest.
template <class Op>
struct FARRO_API OpTable {
  struct Entry {
    std::atomic<Kernel<Op>> kernel{nullptr};
    Supports<Op> supports = nullptr;
    VariantInfo info;
  };
  static constexpr int kMaxVariants = 8;
  using Row = std::array<Entry, kMaxVariants>;  // by rank; unused entries have no kernel
  static inline std::array<Row, 2> rows;        // [DeviceType]: cpu, cuda; nvcc refuses {} here
  // The first kernel of a row, where nothing has to be asked to choose it; else, and for meta tensors, null.
  static inline std::array<std::atomic<Kernel<Op>>, kNumDeviceTypes> direct{};
  static inline Forced forced;
};

// What tools and tests know of every op.
struct FARRO_API OpEntry {
  const OpMethods* methods = nullptr;
  std::string schema;
  // The variants present for a device type, by rank.
  std::vector<VariantInfo> (*variants)(DeviceType) = nullptr;
  Forced* forced = nullptr;
  // Recomputes which kernels need no choosing.
  void (*refresh)() = nullptr;

  const OpInfo& info() const noexcept { return methods->info; }
};

// All ops, ordered by name. Kernels of CUDA devices are in the tables once the backend was loaded (find_cuda_backend).
FARRO_API const std::vector<OpEntry>& all_ops();

// Forces a variant of an op by name, for the process, on every device type that has one of that name; "auto" lifts it.
// A call that the variant does not support then throws UnsupportedVariantError. Throws ValueError on an unknown op, and
// on a name that no device type has. FARRO_VARIANT_<OP>=<name> in the environment does the same at start.
FARRO_API void set_variant(std::string_view op, std::string_view variant);

// The same for the calling thread and the guard's lifetime; goes before what the process has set. "auto" lets calls
// choose though the process forces one.
class FARRO_API VariantScope {
 public:
  VariantScope(std::string_view op, std::string_view variant);
  ~VariantScope();
  VariantScope(const VariantScope&) = delete;
  VariantScope& operator=(const VariantScope&) = delete;

 private:
  friend struct Forced;
  const OpEntry* op_;
  std::string variant_;
  const VariantScope* previous_;
};

namespace detail {

FARRO_API void add_op(OpEntry entry);
// Runs all registration functions once, and reads the settings of the environment; called by each op until it has been
// done. A setting that is wrong is a ValueError of every call, until it is mended.
FARRO_API void ensure_registered();
extern FARRO_API std::atomic<bool> settings_read;
// Compute capability of a CUDA device, e.g. 90; 0 elsewhere.
FARRO_API int compute_capability(Device device);
[[noreturn]] FARRO_API void throw_duplicate_variant(const char* op, DeviceType device, const VariantInfo& a,
                                                    const VariantInfo& b);
[[noreturn]] FARRO_API void throw_too_many_variants(const char* op, int most);

template <class Op>
void refresh_direct() {
  for (size_t d = 0; d < 2; ++d) {
    const auto& first = OpTable<Op>::rows[d][0];
    const bool simple = settings_read && !first.supports && first.info.min_sm == 0 && !OpTable<Op>::forced.any();
    OpTable<Op>::direct[d].store(simple ? first.kernel.load() : nullptr, std::memory_order_release);
  }
}

}  // namespace detail

// Called by register_<name>() in <name>.op.cpp, with all ops of the file.
template <class Op>
void register_op() {
  OpEntry entry{.methods = &kOpMethods<Op>, .schema = schema_of<typename Op::Args>()};
  entry.variants = [](DeviceType device) {
    std::vector<VariantInfo> found;
    if (device == DeviceType::meta) return found;
    for (const auto& slot : OpTable<Op>::rows[static_cast<size_t>(device)])
      if (slot.kernel) found.push_back(slot.info);
    return found;
  };
  entry.forced = &OpTable<Op>::forced;
  entry.refresh = &detail::refresh_direct<Op>;
  detail::add_op(std::move(entry));
}
template <class... Ops>
void register_ops() {
  (register_op<Ops>(), ...);
}

// Called by the registration functions of kernel files. A name or a rank that the op has already on the device type is
// an InternalError, as is a ninth variant.
template <class Op>
void register_kernel(DeviceType device, Kernel<Op> kernel, const VariantInfo& info = {},
                     Supports<Op> supports = nullptr) {
  auto& row = OpTable<Op>::rows[static_cast<size_t>(device)];
  int count = 0, at = 0;
  for (; count < OpTable<Op>::kMaxVariants && row[count].kernel; ++count) {
    const VariantInfo& other = row[count].info;
    if (other.rank == info.rank || std::string_view(other.name) == info.name)
      detail::throw_duplicate_variant(Op::info.name, device, other, info);
    if (other.rank < info.rank) at = count + 1;
  }
  if (count == OpTable<Op>::kMaxVariants) detail::throw_too_many_variants(Op::info.name, count);
  for (int i = count; i >= at; --i) {
    const auto* from = i > at ? &row[i - 1] : nullptr;
    row[i].supports = from ? from->supports : supports;
    row[i].info = from ? from->info : info;
    row[i].kernel.store(from ? from->kernel.load() : kernel, std::memory_order_release);
  }
  detail::refresh_direct<Op>();
}

}  // namespace farro
