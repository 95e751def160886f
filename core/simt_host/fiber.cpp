// SPDX-License-Identifier: Apache-2.0
// A fiber: a stack of its own and switches to and from it (Boost.Context). The sanitizers must be told of every switch,
// as they keep track of stacks themselves.
#include <farro/core/simt_host/failure.h>
#include <farro/core/simt_host/fiber.h>

#include <sys/mman.h>
#include <unistd.h>

#if defined(FARRO_SIMT_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(FARRO_SIMT_TSAN)
extern "C" {
void* __tsan_get_current_fiber();
void* __tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void* fiber);
void __tsan_switch_to_fiber(void* fiber, unsigned flags);
}
#endif

namespace farro::simt_host {

namespace {
#if defined(FARRO_SIMT_ASAN) || defined(FARRO_SIMT_TSAN)
constexpr size_t kStackBytes = 256 << 10;  // instrumented frames are several times larger
#else
constexpr size_t kStackBytes = 64 << 10;
#endif

size_t page_size() {
  static const size_t size = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return size;
}

// The page below the stack stays inaccessible: an overflow is a fault, never a silent overwrite of a neighbour.
char* map_stack() {
  const size_t bytes = kStackBytes + page_size();
  // MAP_NORESERVE: 1,024 threads of a block have 64 MiB of stacks, of which mostly a page or two is touched.
  void* base = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) raise(cudaErrorMemoryAllocation, "no address space for a fiber's stack");
  char* stack = static_cast<char*>(base) + page_size();
  if (mprotect(stack, kStackBytes, PROT_READ | PROT_WRITE) != 0) {
    munmap(base, bytes);
    raise(cudaErrorMemoryAllocation, "no memory for a fiber's stack");
  }
  return stack;
}
}  // namespace

Fiber::~Fiber() {
#if defined(FARRO_SIMT_TSAN)
  if (sanitizer_fiber_) __tsan_destroy_fiber(sanitizer_fiber_);
#endif
  if (stack_) munmap(stack_ - page_size(), kStackBytes + page_size());
}

void Fiber::start(void (*entry)(void*), void* argument) {
  // Kept for the fiber's life: mapping takes two system calls.
  if (!stack_) stack_ = map_stack();
  entry_ = entry;
  argument_ = argument;
#if defined(FARRO_SIMT_ASAN)
  ASAN_UNPOISON_MEMORY_REGION(stack_, kStackBytes);  // frames that were abandoned, not left
#endif
  // Made anew for each run: a fiber whose kernel threw is abandoned in the middle of its frames.
  context_ = boost::context::detail::make_fcontext(stack_ + kStackBytes, kStackBytes, &Fiber::trampoline);
#if defined(FARRO_SIMT_TSAN)
  // Making one costs about 100 us. Each run leaves a few entries on its shadow call stack, of which it has 65536.
  constexpr unsigned kRunsPerFiber = 1024;
  if (starts_++ % kRunsPerFiber == 0) {
    if (sanitizer_fiber_) __tsan_destroy_fiber(sanitizer_fiber_);
    sanitizer_fiber_ = __tsan_create_fiber(0);
  }
#endif
}

void Fiber::trampoline(boost::context::detail::transfer_t from) {
  Fiber& self = *static_cast<Fiber*>(from.data);
  self.scheduler_ = from.fctx;
  self.after_switch(false);
  self.entry_(self.argument_);
}

#if defined(FARRO_SIMT_ASAN)
void Fiber::before_switch(bool into_fiber) {
  if (into_fiber)
    __sanitizer_start_switch_fiber(&sanitizer_scheduler_, stack_, kStackBytes);
  else
    __sanitizer_start_switch_fiber(&fake_stack_, scheduler_stack_, scheduler_stack_bytes_);
}
void Fiber::after_switch(bool back_in_scheduler) {
  if (back_in_scheduler)
    __sanitizer_finish_switch_fiber(sanitizer_scheduler_, nullptr, nullptr);
  else
    __sanitizer_finish_switch_fiber(fake_stack_, &scheduler_stack_, &scheduler_stack_bytes_);
}
#elif defined(FARRO_SIMT_TSAN)
void Fiber::before_switch(bool into_fiber) {
  if (into_fiber) sanitizer_scheduler_ = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(into_fiber ? sanitizer_fiber_ : sanitizer_scheduler_, 0);
}
void Fiber::after_switch(bool) {}
#endif

}  // namespace farro::simt_host
