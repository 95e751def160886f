#include <farro/kernels/cpu/making_primitive.h>

#include <pthread.h>

#include <new>

namespace farro {

namespace {

// Never destroyed: threads of static lifetime may compute until the end.
std::shared_mutex& making() {
  static std::shared_mutex& mutex = *[] {
    auto* made = new std::shared_mutex;
    // In the child the lock is made anew: its owner, a thread of the parent, is not there to let go of it.
    pthread_atfork([] { making().lock(); }, [] { making().unlock(); }, [] { new (&making()) std::shared_mutex; });
    return made;
  }();
  return mutex;
}

}  // namespace

MakingPrimitive::MakingPrimitive() : lock_(making()) {}

}  // namespace farro
