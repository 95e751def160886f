// SPDX-License-Identifier: Apache-2.0
// What the kernels that call oneDNN share. Its primitives run on one thread each: OpenMP's never start.
#pragma once

#include <farro/core/error/error.h>
#include <farro/core/parallel/fork_gate.h>

#include <oneapi/dnnl/dnnl.hpp>

#include <new>

namespace farro {

// oneDNN asks OpenMP how many threads there are, when a primitive is made and when it runs.
class OneThread {
 public:
  OneThread();
  ~OneThread();
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
};

const dnnl::engine& onednn_engine();

// Making a primitive takes locks of oneDNN's own, running one takes none: hold_off_forks<MakingPrimitive>() meanwhile.
struct MakingPrimitive;

// Whether the processor multiplies bf16 and oneDNN makes use of it. Its bf16 instructions take subnormal numbers for
// zero.
bool onednn_has_bf16() noexcept;

template <class Fn>
void with_onednn_errors(const char* op, Fn&& fn) {
  try {
    fn();
  } catch (const std::bad_alloc&) {
    fail<OutOfMemoryError>(op, ": out of memory for oneDNN's scratch");
  } catch (const dnnl::error& error) {
    FARRO_CHECK(error.status != dnnl_out_of_memory, OutOfMemoryError, op, ": out of memory in oneDNN (", error.message,
                ")");
    fail<BackendError>(op, ": oneDNN must run the call, got status ", static_cast<int>(error.status), " (",
                       error.message, ")");
  }
}

}  // namespace farro
