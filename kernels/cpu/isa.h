// SPDX-License-Identifier: Apache-2.0
// Every *.cpu.cpp is compiled once per instruction set, with FARRO_ISA naming the set; its code lives in
// namespace farro::FARRO_ISA, so that the builds do not collide. register_cpu_kernels() picks the best set this
// processor runs (FARRO_CPU_ISA=generic|avx2|avx512 lowers it). Only loops belong in such a file: code shared between
// instruction sets must be in a .cpp of its own.
#pragma once

#include <farro/core/api.h>

namespace farro {

enum class CpuIsa { generic, avx2, avx512 };

// The instruction set in use.
FARRO_API CpuIsa cpu_isa();
FARRO_API const char* name(CpuIsa isa) noexcept;

}  // namespace farro
