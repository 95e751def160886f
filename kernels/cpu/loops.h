// SPDX-License-Identifier: Apache-2.0
// How kernels that are written once (*.host.cpp, helpers) reach loops that are built once per instruction set: a struct
// of function pointers, filled in by the register_*_cpu() of the set that runs. Kernels that are such loops as a whole
// are registered as variants and need none of this.
#pragma once

namespace farro {

// Null until the CPU's kernels are registered, which precedes the first call of any op.
template <class Loops>
inline constinit const Loops* loops = nullptr;

}  // namespace farro
