// SPDX-License-Identifier: Apache-2.0
// Every *.cpu.cpp is compiled once per instruction set, with FARRO_ISA naming the set; its code lives in
// namespace farro::FARRO_ISA, so that the builds do not collide. register_cpu_kernels() picks the best set this
// processor runs (FARRO_CPU_ISA=generic|avx2|avx512 lowers it). Only loops belong in such a file: code shared between
// instruction sets must be in a .cpp of its own.
#pragma once

namespace farro {

enum class CpuIsa { generic, avx2, avx512 };

// The instruction set in use.
CpuIsa cpu_isa();
const char* name(CpuIsa isa) noexcept;

}  // namespace farro
