#include <farro/core/op/op.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <mutex>

namespace farro {

void register_all_ops();      // generated
void register_cpu_kernels();  // kernels/cpu/isa.cpp

std::atomic<CallListener*> call_listener{nullptr};

void set_call_listener(CallListener* listener) noexcept { call_listener.store(listener, std::memory_order_release); }

namespace {

std::vector<OpEntry>& table() {
  static std::vector<OpEntry> ops;
  return ops;
}

void apply_variant(std::string_view op, std::string_view variant) {
  int value = -2;
  if (variant == "auto") value = -1;
  for (Variant v : {Variant::handwritten, Variant::library, Variant::generic})
    if (variant == name(v)) value = static_cast<int>(v);
  FARRO_CHECK(value != -2, ValueError, "set_variant: variant must be handwritten, library, generic or auto, got '",
              variant, "'");
  for (const OpEntry& entry : table()) {
    if (entry.info.name != op) continue;
    entry.force_variant(value);
    return;
  }
  fail<ValueError>("set_variant: op must be the name of an op (farro doctor --ops lists them), got '", op, "'");
}

// FARRO_VARIANT_<OP>=handwritten|library|generic|auto in the environment.
void force_from_environment(const OpEntry& op) {
  std::string key = "FARRO_VARIANT_";
  for (const char* c = op.info.name; *c; ++c) key += static_cast<char>(std::toupper(static_cast<unsigned char>(*c)));
  if (const char* value = std::getenv(key.c_str())) apply_variant(op.info.name, value);
}

void register_everything() {
  register_all_ops();
  register_cpu_kernels();
  std::sort(table().begin(), table().end(),
            [](const OpEntry& a, const OpEntry& b) { return std::string_view(a.info.name) < b.info.name; });
  for (const OpEntry& op : table()) force_from_environment(op);
}

}  // namespace

const char* name(Variant variant) noexcept {
  constexpr const char* names[] = {"handwritten", "library", "generic"};
  return names[static_cast<int>(variant)];
}

void detail::add_op(OpEntry entry) { table().push_back(std::move(entry)); }

void detail::ensure_registered() {
  static std::once_flag once;
  std::call_once(once, register_everything);
}

const std::vector<OpEntry>& all_ops() {
  detail::ensure_registered();
  return table();
}

void set_variant(std::string_view op, std::string_view variant) {
  detail::ensure_registered();
  apply_variant(op, variant);
}

}  // namespace farro
