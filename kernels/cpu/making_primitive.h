// oneDNN and fork(): making a primitive takes locks of the library's own, and a child that was forked meanwhile by another
// thread would find them held for ever. Running one takes none.
#pragma once

#include <mutex>
#include <shared_mutex>

namespace farro {

// Held while a primitive is made; fork() waits for whoever holds it.
class MakingPrimitive {
 public:
  MakingPrimitive();

 private:
  std::shared_lock<std::shared_mutex> lock_;
};

}  // namespace farro
