// SPDX-License-Identifier: Apache-2.0
// Which instruction set the CPU kernels run with: the best of those built that the processor has, or the one that
// FARRO_CPU_ISA names. Decided once per process, as results may differ between sets.
#include <farro/kernels/cpu/isa.h>

#include <farro/core/error/error.h>

#include <cstdlib>
#include <string_view>

namespace farro {

// Generated, one for each instruction set.
namespace generic {
void register_cpu_kernels();
}
#ifdef FARRO_HAVE_AVX2
namespace avx2 {
void register_cpu_kernels();
}
#endif
#ifdef FARRO_HAVE_AVX512
namespace avx512 {
void register_cpu_kernels();
}
#endif

namespace {

// What the compiler is told for these sets (cmake/FarroLibrary.cmake) must be asked for here in full: an instruction
// that the processor lacks ends the process.
CpuIsa detect() {
#ifdef FARRO_HAVE_AVX512
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl"))
    return CpuIsa::avx512;
#endif
#ifdef FARRO_HAVE_AVX2
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c"))
    return CpuIsa::avx2;
#endif
  return CpuIsa::generic;
}

CpuIsa choose() {
  const CpuIsa best = detect();
  const char* wish = std::getenv("FARRO_CPU_ISA");
  if (!wish) return best;
  for (CpuIsa isa : {CpuIsa::generic, CpuIsa::avx2, CpuIsa::avx512}) {
    if (std::string_view(wish) != name(isa)) continue;
    // Lower sets are allowed, for tests and for comparing results between machines.
    FARRO_CHECK(isa <= best, ValueError, "FARRO_CPU_ISA: must be at most ", name(best),
                " on this processor and build, got ", wish);
    return isa;
  }
  fail<ValueError>("FARRO_CPU_ISA: must be generic, avx2 or avx512, got '", wish, "'");
}

}  // namespace

const char* name(CpuIsa isa) noexcept {
  constexpr const char* names[] = {"generic", "avx2", "avx512"};
  return names[static_cast<int>(isa)];
}

CpuIsa cpu_isa() {
  static const CpuIsa isa = choose();
  return isa;
}

void register_cpu_kernels();
void register_cpu_kernels() {
  switch (cpu_isa()) {
#ifdef FARRO_HAVE_AVX512
    case CpuIsa::avx512: return avx512::register_cpu_kernels();
#endif
#ifdef FARRO_HAVE_AVX2
    case CpuIsa::avx2: return avx2::register_cpu_kernels();
#endif
    default: return generic::register_cpu_kernels();
  }
}

}  // namespace farro
