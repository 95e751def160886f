#include <farro/core/op/op.h>

#include <algorithm>
#include <cctype>
#include <mutex>

#include <unistd.h>

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

// `source` begins the error message.
void apply_variant(std::string_view source, std::string_view op, std::string_view variant) {
  int value = -2;
  if (variant == "auto") value = -1;
  for (Variant v : {Variant::handwritten, Variant::library, Variant::generic})
    if (variant == name(v)) value = static_cast<int>(v);
  FARRO_CHECK(value != -2, ValueError, source, ": variant must be handwritten, library, generic or auto, got '", variant,
              "'");
  for (const OpEntry& entry : table()) {
    if (entry.info.name != op) continue;
    entry.force_variant(value);
    return;
  }
  fail<ValueError>(source, ": op must be the name of an op (farro doctor --ops lists them), got '", op, "'");
}

// FARRO_VARIANT_<OP>=handwritten|library|generic|auto in the environment.
void force_from_environment() {
  constexpr std::string_view kPrefix = "FARRO_VARIANT_";
  for (char** entry = environ; entry && *entry; ++entry) {
    const std::string_view text = *entry;
    const size_t equals = text.find('=');
    if (!text.starts_with(kPrefix) || equals == std::string_view::npos) continue;
    std::string op(text.substr(kPrefix.size(), equals - kPrefix.size()));
    for (char& c : op) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    apply_variant(text.substr(0, equals), op, text.substr(equals + 1));
  }
}

// The environment is read before there are kernels: a setting that is wrong keeps every op from running, and each says
// why, until it is mended.
void register_everything() {
  table().clear();
  register_all_ops();
  std::sort(table().begin(), table().end(),
            [](const OpEntry& a, const OpEntry& b) { return std::string_view(a.info.name) < b.info.name; });
  force_from_environment();
  register_cpu_kernels();
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
  apply_variant("set_variant", op, variant);
}

}  // namespace farro
