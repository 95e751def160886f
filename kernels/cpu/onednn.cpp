// SPDX-License-Identifier: Apache-2.0
// What all users of oneDNN share: the engine, the guard that keeps OpenMP at one thread, and what the processor offers.
// oneDNN runs on one thread everywhere, as parallelism is the worker pool's.
#include <farro/kernels/cpu/onednn.h>

#include <omp.h>

namespace farro {

// The setting is a thread's own, so the guard must stand in every worker that runs a primitive. At one thread OpenMP
// starts no pool, whose idle threads would spin and would be missing after a fork.
OneThread::OneThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
OneThread::~OneThread() { omp_set_num_threads(before_); }

const dnnl::engine& onednn_engine() {
  static const dnnl::engine instance(dnnl::engine::kind::cpu, 0);
  return instance;
}

bool onednn_has_bf16() noexcept {
  // Later instruction sets include this one; without it oneDNN can only emulate bf16.
  static const bool has =
      (dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core_bf16) == dnnl_cpu_isa_avx512_core_bf16;
  return has;
}

}  // namespace farro
