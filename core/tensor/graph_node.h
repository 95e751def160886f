// The part of an autograd node that a tensor record must know: it is counted, and it is destroyed iteratively, so that a
// chain of a million nodes does not overflow the stack. autograd/node adds everything else.
#pragma once

#include <farro/core/storage/small_pool.h>
#include <farro/core/util/ref.h>

namespace farro {

class GraphNode : public RefCounted, public Pooled {
 public:
  static void destroy(GraphNode* node) noexcept;
  // The tensor this node accumulates into is going away.
  virtual void forget_leaf() noexcept {}

 protected:
  GraphNode() = default;
  virtual ~GraphNode() = default;

 private:
  GraphNode* next_doomed_ = nullptr;
};

}  // namespace farro
